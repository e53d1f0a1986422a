/* SPDX-License-Identifier: MIT */
/* etcd: a client of the JSON gateway of etcd's v3 interface: its endpoints and
 * its tokens. */
#include "resource_alert/actions/etcd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "resource_alert/actions/secret_file.h"

#define URL_BYTES 1024

struct etcd {
  struct etcd_target target;
  struct http_client *http;
  size_t current;      /* the endpoint that answered last */
  char *authorization; /* "Authorization: TOKEN"; NULL: not logged in */
};

int etcd_new(const struct etcd_target *target, struct etcd **ret,
             struct error *error) {
  struct etcd *etcd = calloc(1, sizeof(*etcd));
  if (etcd == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  etcd->target = *target;
  int code = http_client_new(&etcd->target.http, &etcd->http, error);
  if (code != 0) {
    free(etcd);
    return code;
  }
  *ret = etcd;
  return 0;
}

void etcd_free(struct etcd *etcd) {
  if (etcd != NULL) {
    secret_file_forget(etcd->authorization);
    http_client_free(etcd->http);
    free(etcd);
  }
}

/* ---- asking ---- */

/* What the gateway says of a failure. */
static int judge(const struct http_answer *answer, struct error *error) {
  if (answer->status >= 200 && answer->status < 300) {
    return 0;
  }
  json_t *json = http_answer_json(answer, NULL);
  const char *text = json_string_value(json_object_get(json, "error"));
  int code = text == NULL ? http_expect_success(answer, error)
                          : error_set(error, -EIO, "status %ld: %s",
                                      answer->status, text);
  if (answer->status == 401) {
    code = -EACCES;
  }
  json_decref(json);
  return code;
}

/* Asks one endpoint. *ret: yours; NULL on failure. */
static int ask_endpoint(struct etcd *etcd, const char *path, const char *body,
                        int64_t deadline_ms, const struct action_call *call,
                        json_t **ret, struct error *error) {
  char url[URL_BYTES];
  const char *base = etcd->target.urls[etcd->current];
  size_t length = strlen(base);
  while (length > 0 && base[length - 1] == '/') {
    length--;
  }
  if (snprintf(url, sizeof(url), "%.*s%s", (int)length, base, path) >=
      (int)sizeof(url)) {
    return error_set(error, -EINVAL, "URL is too long");
  }
  const struct http_question request = {
      .method = "POST",
      .url = url,
      .headers = {"Content-Type: application/json", etcd->authorization},
      .body = body,
      .body_bytes = strlen(body),
      .deadline_ms = deadline_ms,
      .cancel_fd = call->cancel_fd,
      .may_repeat = true, /* a lease too many expires by itself */
  };
  struct http_answer answer;
  int code = http_perform(etcd->http, &request, &answer, error);
  if (code != 0) {
    error_prefix(error, "%s", base);
    return code;
  }
  code = judge(&answer, error);
  if (code == 0) {
    *ret = http_answer_json(&answer, error);
    code = *ret == NULL ? -EPROTO : 0;
  }
  http_answer_fini(&answer);
  return code;
}

/* Asks one endpoint after the other; each gets its part of the time. */
static int ask_cluster(struct etcd *etcd, const char *path, const char *body,
                       const struct action_call *call, json_t **ret,
                       struct error *error) {
  int code = -EIO;
  for (size_t left = etcd->target.urls_len; left > 0; left--) {
    int64_t now_ms = clock_monotonic_ms();
    int64_t share_ms = (call->deadline_ms - now_ms) / (int64_t)left;
    code = ask_endpoint(etcd, path, body, now_ms + share_ms, call, ret, error);
    if (code == 0 || code == -ECANCELED || code == -EACCES || code == -EIO) {
      return code; /* somebody has answered */
    }
    etcd->current = (etcd->current + 1) % etcd->target.urls_len;
  }
  return code;
}

static int keep_token(struct etcd *etcd, const json_t *answer,
                      struct error *error) {
  const char *token = json_string_value(json_object_get(answer, "token"));
  if (token == NULL || strpbrk(token, "\r\n") != NULL) {
    return error_set(error, -EPROTO, "etcd gives no token");
  }
  size_t bytes = strlen(token) + sizeof("Authorization: ");
  etcd->authorization = malloc(bytes);
  if (etcd->authorization == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  (void)snprintf(etcd->authorization, bytes, "Authorization: %s", token);
  return 0;
}

/* Gets a token, which lives a few minutes. */
static int log_in(struct etcd *etcd, const struct action_call *call,
                  struct error *error) {
  char *password = NULL;
  json_t *answer = NULL;
  secret_file_forget(etcd->authorization);
  etcd->authorization = NULL;
  int code =
      secret_file_read(etcd->target.password_file, false, &password, error);
  if (code != 0) {
    return code;
  }
  json_t *request =
      json_pack("{s:s, s:s}", "name", etcd->target.user, "password", password);
  secret_file_forget(password);
  char *body = json_dumps(request, JSON_COMPACT);
  json_decref(request);
  code = body == NULL ? error_set(error, -ENOMEM, "out of memory")
                      : ask_cluster(etcd, "/v3/auth/authenticate", body, call,
                                    &answer, error);
  if (code == 0) {
    code = keep_token(etcd, answer, error);
  }
  json_decref(answer);
  secret_file_forget(body);
  return code;
}

/* True for an answer that a new token may change. */
static bool wants_token(int code, const struct error *error) {
  return code == -EACCES ||
         (code == -EIO && strstr(error->text, "user name is empty") != NULL);
}

int etcd_ask(struct etcd *etcd, const char *path, json_t *request,
             const struct action_call *call, json_t **ret,
             struct error *error) {
  char *body = json_dumps(request, JSON_COMPACT);
  json_t *answer = NULL;
  json_decref(request);
  if (body == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  struct error own = {{0}};
  int code = 0;
  bool has_user = etcd->target.user != NULL;
  if (has_user && etcd->authorization == NULL) {
    code = log_in(etcd, call, &own);
  }
  if (code == 0) {
    code = ask_cluster(etcd, path, body, call, &answer, &own);
  }
  if (has_user && wants_token(code, &own) &&
      (code = log_in(etcd, call, &own)) == 0) {
    code = ask_cluster(etcd, path, body, call, &answer, &own);
  }
  free(body);
  if (ret != NULL && code == 0) {
    *ret = answer;
  } else {
    json_decref(answer);
  }
  return code == 0 ? 0 : error_set(error, code, "%s", own.text);
}

/* SPDX-License-Identifier: MIT */
/* kubernetes: a client of the Kubernetes API.
 *
 * Plain HTTP and JSON, without a watch: the actions read what they need when
 * they need it. The server's clock comes from its Date header, since leases
 * compare times of several machines. */
#include "resource_alert/clients/kubernetes.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json_util.h"
#include "core/trusted_path.h"

#define MOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define TOKEN_MS 60000 /* tokens rotate */

static char pod_ca_file[] = MOUNT "/ca.crt"; /* never written to */

/* Each action has its own: a thread waits for one request at a time. */
struct kubernetes {
  char server[HTTP_CLIENT_URL_BYTES];
  struct http_client_options target; /* with the defaults of a pod */
  struct http_client *http;
  const char *token_file; /* borrowed; NULL: a client certificate is enough */
  char *token;
  int64_t token_ms; /* when it was read, monotonic */
  int64_t date_s;   /* of the server's last response; 0: not known */
  bool said_gone;   /* kubernetes_said_gone() */
};

int kubernetes_check_name(const char *value, struct error *error) {
  size_t length = strlen(value);
  bool is_fine = length > 0 && length <= 253;
  for (size_t i = 0; i < length && is_fine; i++) {
    unsigned char c = (unsigned char)value[i];
    bool is_edge = i == 0 || i + 1 == length;
    is_fine = c < 0x80 && (islower(c) || isdigit(c) ||
                           (!is_edge && (c == '-' || c == '.')));
  }
  return is_fine ? 0
                 : error_set(error, -EINVAL,
                             "is not a Kubernetes name: use lower-case letters "
                             "and digits, with '-' and '.' only between them");
}

/* The token is sent with each request, so plain http to another machine is
 * refused. */
static int check_kubernetes_block(const void *target, struct error *error) {
  const struct kubernetes_options *options = target;
  return options->server == NULL
             ? 0
             : http_client_check_url(&options->http, "Server", options->server,
                                     error);
}

static const struct option option_rows[] = {
    {OPTION("Server", STRING, struct kubernetes_options, server),
     .example = "\"https://kubernetes.example.net:6443\"",
     .help = "URL of the API server. The default in a pod is the address in "
             "the environment variables C<KUBERNETES_SERVICE_HOST> and "
             "C<KUBERNETES_SERVICE_PORT>, which needs no DNS. Without them it "
             "is C<https://kubernetes.default.svc>."},
    {OPTION("TokenFile", STRING, struct kubernetes_options, token_file),
     .check = option_check_absolute_path,
     .help = "File with the token of the service account. It is read again "
             "every minute, and when the server refuses the token. The default "
             "is F<" MOUNT "/token>. With B<CertFile> there is no default: the "
             "client certificate is enough."},
    HTTP_CLIENT_OPTION_ROWS(kubernetes_options, http),
};

const struct option_block kubernetes_block = {
    .name = "Kubernetes",
    .label = OPTION_LABEL_NONE,
    .size = sizeof(struct kubernetes_options),
    .help =
        "Access to the Kubernetes API. Inside a pod the defaults are right, "
        "including B<CAFile>, and this block is not needed. The example "
        "F<kubernetes-role.yaml> grants the permissions that the service "
        "account needs.",
    OPTION_ROWS(option_rows),
    .check = check_kubernetes_block,
};

/* ---- where it is ---- */

static const char *choose_token_file(const struct kubernetes_options *options) {
  return options->token_file != NULL       ? options->token_file
         : options->http.cert_file != NULL ? NULL
                                           : MOUNT "/token";
}

/* As Kubernetes' own clients do. A pod with hostNetwork uses the DNS of its
 * node, which does not know the name. */
static void choose_server(const struct kubernetes_options *options,
                          char server[HTTP_CLIENT_URL_BYTES]) {
  const char *host = getenv("KUBERNETES_SERVICE_HOST");
  const char *port = getenv("KUBERNETES_SERVICE_PORT");
  if (options->server != NULL) {
    (void)snprintf(server, HTTP_CLIENT_URL_BYTES, "%s", options->server);
  } else if (host != NULL && host[0] != '\0' && port != NULL) {
    bool is_ipv6 = strchr(host, ':') != NULL;
    (void)snprintf(server, HTTP_CLIENT_URL_BYTES, "https://%s%s%s:%s",
                   is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", port);
  } else {
    (void)snprintf(server, HTTP_CLIENT_URL_BYTES, "%s",
                   "https://kubernetes.default.svc");
  }
}

int kubernetes_check_access_files(const struct kubernetes_options *options,
                                  struct error *error) {
  char server[HTTP_CLIENT_URL_BYTES];
  const char *token_file = choose_token_file(options);
  if (token_file != NULL && access(token_file, R_OK) != 0) {
    return error_set(error, -EINVAL,
                     "%s: %s; collectd does not run in a pod: write "
                     "<Kubernetes> with Server, CAFile and TokenFile or "
                     "CertFile",
                     token_file, strerror(errno));
  }
  choose_server(options, server);
  return http_client_check_url(&options->http, "KUBERNETES_SERVICE_HOST",
                               server, error);
}

int kubernetes_new(const struct kubernetes_options *options,
                   struct kubernetes **ret, struct error *error) {
  struct kubernetes *kubernetes = calloc(1, sizeof(*kubernetes));
  if (kubernetes == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  kubernetes->target = options->http;
  kubernetes->token_file = choose_token_file(options);
  choose_server(options, kubernetes->server);
  if (kubernetes->target.ca_file == NULL && access(pod_ca_file, R_OK) == 0) {
    kubernetes->target.ca_file = pod_ca_file;
  }
  int code = http_client_new(&kubernetes->target, &kubernetes->http, error);
  if (code != 0) {
    free(kubernetes);
    return code;
  }
  *ret = kubernetes;
  return 0;
}

void kubernetes_free(struct kubernetes *kubernetes) {
  if (kubernetes != NULL) {
    http_client_free(kubernetes->http);
    trusted_path_forget_secret(kubernetes->token);
    free(kubernetes);
  }
}

/* ---- requests ---- */

/* A failure leaves the old token in place, which may still be good. */
static int read_service_token(struct kubernetes *kubernetes,
                              struct error *error) {
  char *token = NULL;
  int code =
      trusted_path_read_secret(kubernetes->token_file, true, &token, error);
  if (code == 0) {
    trusted_path_forget_secret(kubernetes->token);
    kubernetes->token = token;
    kubernetes->token_ms = clock_monotonic_ms();
  }
  return code;
}

/* 409: a write with an old resourceVersion; 410: a list that has changed while
 * it was read. */
static int translate_status(long status) {
  switch (status) {
  case 404:
    return -ENOENT;
  case 409:
  case 410:
    return -ESTALE;
  case 401:
  case 403:
    return -EACCES;
  case 429:
  case 503:
    return -EBUSY;
  default:
    return status >= 400 && status < 500 ? -EINVAL : -EIO;
  }
}

/* A failure comes with a Status object, whose message goes into the error. */
static int
parse_kubernetes_response(const struct http_client_response *response,
                          json_t **ret, struct error *error) {
  json_t *json = http_client_response_json(response, error);
  if (response->status >= 200 && response->status < 300) {
    *ret = json;
    return json == NULL ? -EPROTO : 0;
  }
  const char *message = json_string_value(json_object_get(json, "message"));
  int code =
      error_set(error, translate_status(response->status), "status %ld%s%.300s",
                response->status, message == NULL ? "" : ": ",
                message == NULL ? "" : message);
  json_decref(json);
  return code;
}

/* A 404 without it comes from a proxy, or from a server without this group. */
static bool is_status_object(const struct http_client_response *response) {
  json_t *json = http_client_response_json(response, NULL);
  const char *kind = json_string_value(json_object_get(json, "kind"));
  bool is_status = kind != NULL && strcmp(kind, "Status") == 0;
  json_decref(json);
  return is_status;
}

/* *ret_status is set whenever the server has responded, also with a failure. */
static int send_api_request(struct kubernetes *kubernetes, const char *method,
                            const char *url, const char *body,
                            struct action_call *call, json_t **ret,
                            long *ret_status) {
  bool is_patch = strcmp(method, "PATCH") == 0;
  const struct http_client_request request = {
      .method = method,
      .url = url,
      .headers = {"Accept: application/json",
                  is_patch ? "Content-Type: application/merge-patch+json"
                           : "Content-Type: application/json"},
      .bearer = kubernetes->token,
      .body = body,
      .body_bytes = body == NULL ? 0 : strlen(body),
      .deadline_ms = call->deadline_ms,
      .cancel_fd = call->cancel_fd,
  };
  struct http_client_response response;
  int code =
      http_client_perform(kubernetes->http, &request, &response, call->error);
  if (code != 0) {
    return code;
  }
  *ret_status = response.status;
  kubernetes->date_s = response.date_s;
  code = parse_kubernetes_response(&response, ret, call->error);
  kubernetes->said_gone = code == -ENOENT && is_status_object(&response);
  if (code == -EBUSY) {
    call->pause_ms = response.retry_after_ms;
  }
  http_client_response_fini(&response);
  error_hide(call->error, kubernetes->token);
  return code;
}

/* Tokens rotate: a refused one is read again, once. */
static int send_with_token(struct kubernetes *kubernetes, const char *method,
                           const char *url, const char *body,
                           struct action_call *call, json_t **ret) {
  long status = 0;
  int code = 0;
  bool has_token = kubernetes->token_file != NULL;
  if (has_token && (kubernetes->token == NULL ||
                    clock_monotonic_ms() - kubernetes->token_ms > TOKEN_MS)) {
    code = read_service_token(kubernetes, call->error);
  }
  if (code == 0) {
    code = send_api_request(kubernetes, method, url, body, call, ret, &status);
  }
  if (status == 401 && has_token &&
      read_service_token(kubernetes, call->error) == 0) {
    code = send_api_request(kubernetes, method, url, body, call, ret, &status);
  }
  return code;
}

/* BODY (taken) as text; yours, free(). Returns 0 or -ENOMEM. */
static int dump_body(json_t *body, char **ret_text, struct error *error) {
  *ret_text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
  bool is_short = body != NULL && *ret_text == NULL;
  json_decref(body);
  return is_short ? error_set(error, -ENOMEM, "out of memory") : 0;
}

/* Not journaled; see kubernetes_request(). */
static int send_to_api(struct kubernetes *kubernetes, const char *method,
                       json_t *body, struct action_call *call, json_t **ret,
                       const char *path) {
  char url[HTTP_CLIENT_URL_BYTES];
  char *text = NULL;
  int code = dump_body(body, &text, call->error);
  if (code == 0) {
    code = http_client_join_url(kubernetes->server, path, url, call->error);
  }
  json_t *response = NULL;
  if (code == 0) {
    code = send_with_token(kubernetes, method, url, text, call, &response);
  }
  free(text);
  if (ret != NULL && code == 0) {
    *ret = response;
  } else {
    json_decref(response);
  }
  return code;
}

int kubernetes_request(struct kubernetes *kubernetes, const char *method,
                       json_t *body, struct action_call *call, json_t **ret,
                       const char *path, ...) {
  char text[HTTP_CLIENT_URL_BYTES];
  va_list arguments;
  va_start(arguments, path);
  (void)vsnprintf(text, sizeof(text), path, arguments);
  va_end(arguments);
  bool is_change = body != NULL;
  if (is_change) {
    call->note(call->context, "request",
               json_pack("{s:s, s:s, s:O}", "method", method, "path", text,
                         "body", body));
  }
  int code = send_to_api(kubernetes, method, body, call, ret, text);
  if (is_change) {
    action_call_note_response(call, code);
  }
  return code;
}

bool kubernetes_said_gone(const struct kubernetes *kubernetes) {
  return kubernetes->said_gone;
}

int64_t kubernetes_now_s(const struct kubernetes *kubernetes) {
  return kubernetes->date_s != 0 ? kubernetes->date_s : (int64_t)time(NULL);
}

int64_t kubernetes_parse_time(const char *text) {
  struct tm parts = {0};
  return text != NULL && strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) != NULL
             ? (int64_t)timegm(&parts)
             : 0;
}

int kubernetes_check_permission(struct kubernetes *kubernetes,
                                const char *space, const char *verb,
                                const char *group, const char *resource,
                                const char *name, struct action_call *call) {
  json_t *review = NULL;
  json_t *body =
      json_pack("{s:{s:{s:s, s:s, s:s, s:s, s:s}}}", "spec",
                "resourceAttributes", "namespace", space, "verb", verb, "group",
                group, "resource", resource, "name", name);
  int code = kubernetes_request(
      kubernetes, "POST", body, call, &review,
      "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
  if (code != 0) {
    error_prefix(call->error, "cannot check the permission to %s %s", verb,
                 resource);
    return code == -ENOENT ? 0 : code; /* a cluster without this API */
  }
  bool is_allowed = json_is_true(
      json_object_get(json_object_get(review, "status"), "allowed"));
  json_decref(review);
  return is_allowed
             ? 0
             : error_set(call->error, -EACCES,
                         "may not %s %s%s%s in namespace %s: grant it as the "
                         "example kubernetes-role.yaml does",
                         verb, resource, name[0] == '\0' ? "" : " ", name,
                         space);
}

/* ---- events ---- */

/* The name of an Event must be unique in its namespace: the time to the
 * nanosecond is a part of it. Yours, json_decref(). */
static json_t *make_kubernetes_event(const char *space, const char *api,
                                     const char *kind, const char *name,
                                     const char *host, bool is_on,
                                     const char *reason, const char *note) {
  char now[64];
  char event_name[300];
  struct timespec time;
  struct tm parts;
  (void)clock_gettime(CLOCK_REALTIME, &time);
  (void)gmtime_r(&time.tv_sec, &parts);
  size_t at = strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%S", &parts);
  (void)snprintf(now + at, sizeof(now) - at, ".%06ldZ", time.tv_nsec / 1000);
  (void)snprintf(event_name, sizeof(event_name), "%.200s.%llx%lx", name,
                 (unsigned long long)time.tv_sec, time.tv_nsec);
  return json_pack(
      "{s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:{s:s, "
      "s:s, s:s, s:s}}",
      "apiVersion", "events.k8s.io/v1", "kind", "Event", "metadata", "name",
      event_name, "namespace", space, "eventTime", now, "type", "Normal",
      "reason", reason, "action", is_on ? "EngageResponse" : "ReleaseResponse",
      "reportingController", "collectd-resource-alert", "note", note,
      "reportingInstance", json_util_from_text(host), "regarding", "apiVersion",
      api, "kind", kind, "name", name, "namespace", space);
}

void kubernetes_send_event(struct kubernetes *kubernetes, const char *space,
                           const char *api, const char *kind, const char *name,
                           const char *host, bool is_on, const char *reason,
                           const char *note, struct action_call *call) {
  char path[HTTP_CLIENT_URL_BYTES];
  struct error error = {{0}};
  struct action_call own = *call;
  own.error = &error;
  (void)snprintf(path, sizeof(path),
                 "/apis/events.k8s.io/v1/namespaces/%s/events", space);
  json_t *event =
      make_kubernetes_event(space, api, kind, name, host, is_on, reason, note);
  if (send_to_api(kubernetes, "POST", event, &own, NULL, path) != 0) {
    call->note(call->context, "event",
               json_pack("{s:o}", "error", json_util_from_text(error.text)));
  }
}

/* SPDX-License-Identifier: MIT */
/* switch_api: the switches over HTTP: OpenFeature's remote evaluation protocol
 * (OFREP), and /check/NAME for nginx, cron and curl.
 *
 * A switch is on while its response wants it on and may act; the stores do not
 * matter here. */
#include "resource_alert/status/switch_api.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/json_util.h"
#include "resource_alert/responses/responses.h"
#include "resource_alert/status/switch_readers.h"

#define OFREP_PATH "/ofrep/v1/evaluate/flags"
#define CHECK_PATH "/check/"
/* What a reader may still believe if the daemon dies. Renewed every 30 s, so
 * that the ETag changes no more often. */
#define VALID_S 60
#define RENEW_S 30
#define RETRY_AFTER_S 10

/* ---- the switches ---- */

/* Of the names in LIST; NULL: there is none. */
static json_t *find_switch(const json_t *list, const char *name) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    json_t *one = json_array_get(list, i);
    if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0) {
      return one;
    }
  }
  return NULL;
}

/* A switch is several actions: one for each store, and for each response that
 * has it. */
static void add_switch(json_t *list, const json_t *action,
                       const char *response) {
  const char *name = json_string_value(json_object_get(action, "switch"));
  const char *mode = json_string_value(json_object_get(action, "mode"));
  if (name == NULL || mode == NULL) {
    return;
  }
  bool is_on = json_is_true(json_object_get(action, "wanted")) &&
               strcmp(mode, "auto") == 0;
  json_t *found = find_switch(list, name);
  if (found == NULL) {
    (void)json_array_append_new(list,
                                json_pack("{ss sb ss}", "name", name, "on",
                                          (int)is_on, "response", response));
  } else if (is_on && !json_is_true(json_object_get(found, "on"))) {
    (void)json_object_set_new(found, "on", json_true());
    (void)json_object_set_new(found, "response", json_string(response));
  }
}

json_t *switch_api_list(const struct status_deps *deps,
                        const json_t *responses) {
  json_t *list = json_array();
  int64_t now_s = (int64_t)time(NULL);
  for (size_t i = 0; i < json_array_size(responses); i++) {
    const json_t *response = json_array_get(responses, i);
    const char *name = json_string_value(json_object_get(response, "name"));
    const json_t *actions = json_object_get(response, "actions");
    for (size_t j = 0; name != NULL && j < json_array_size(actions); j++) {
      add_switch(list, json_array_get(actions, j), name);
    }
  }
  for (size_t i = 0; i < json_array_size(list); i++) {
    json_t *one = json_array_get(list, i);
    const char *name = json_string_value(json_object_get(one, "name"));
    (void)json_object_set_new(
        one, "readers", switch_readers_to_json(deps->readers, name, now_s));
  }
  return list;
}

static json_t *list_switches(const struct status_deps *deps) {
  json_t *responses =
      deps->responses == NULL ? NULL : responses_to_json(deps->responses);
  json_t *list = switch_api_list(deps, responses);
  json_decref(responses);
  return list;
}

static void note_reader(const struct status_deps *deps,
                        const struct http_server_request *request,
                        const char *name) {
  switch_readers_note(deps->readers,
                      request->agent == NULL ? "unnamed" : request->agent, name,
                      (int64_t)time(NULL));
}

/* ---- OFREP ---- */

static json_t *make_until(int64_t now_s) {
  time_t until = (time_t)(now_s / RENEW_S * RENEW_S + RENEW_S + VALID_S);
  char text[32] = "";
  struct tm parts;
  if (gmtime_r(&until, &parts) != NULL) {
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  }
  return json_string(text);
}

static json_t *make_flag(const json_t *one) {
  bool is_on = json_is_true(json_object_get(one, "on"));
  json_t *metadata =
      json_pack("{sO}", "response", json_object_get(one, "response"));
  if (is_on) {
    (void)json_object_set_new(metadata, "until",
                              make_until((int64_t)time(NULL)));
  }
  return json_pack("{sO sb ss ss so}", "key", json_object_get(one, "name"),
                   "value", (int)is_on, "reason",
                   is_on ? "TARGETING_MATCH" : "DEFAULT", "variant",
                   is_on ? "on" : "off", "metadata", metadata);
}

/* FNV-1a: equal texts have equal tags, and different ones hardly ever. */
static void set_etag(struct http_server_reply *reply) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (size_t i = 0; reply->body != NULL && i < reply->bytes; i++) {
    hash = (hash ^ (unsigned char)reply->body[i]) * UINT64_C(1099511628211);
  }
  (void)snprintf(reply->etag, sizeof(reply->etag), "\"%016" PRIx64 "\"", hash);
}

static void reply_all_flags(const json_t *list,
                            const struct http_server_request *request,
                            struct http_server_reply *reply) {
  json_t *flags = json_array();
  for (size_t i = 0; i < json_array_size(list); i++) {
    (void)json_array_append_new(flags, make_flag(json_array_get(list, i)));
  }
  http_server_set_json(reply, 200, json_pack("{so}", "flags", flags));
  set_etag(reply);
  if (reply->status == 200 && request->if_none_match != NULL &&
      strstr(request->if_none_match, reply->etag) != NULL) {
    reply->status = 304;
    reply->bytes = 0;
  }
}

/* The context, which says for whom to evaluate, does not matter: a switch is on
 * for everybody. */
static void reply_flags(const json_t *list, const char *key,
                        const struct http_server_request *request,
                        struct http_server_reply *reply) {
  json_t *body =
      request->body[0] == '\0' ? NULL : json_loads(request->body, 0, NULL);
  const json_t *found = key == NULL ? NULL : find_switch(list, key);
  if (body == NULL && request->body[0] != '\0') {
    http_server_set_json(reply, 400,
                         json_pack("{ss ss}", "errorCode", "PARSE_ERROR",
                                   "errorDetails", "the body is no JSON"));
  } else if (key == NULL) {
    reply_all_flags(list, request, reply);
  } else if (found == NULL) {
    http_server_set_json(reply, 404,
                         json_pack("{so ss ss}", "key",
                                   json_util_from_text(key), "errorCode",
                                   "FLAG_NOT_FOUND", "errorDetails",
                                   "no response has a switch of this name"));
  } else {
    http_server_set_json(reply, 200, make_flag(found));
  }
  json_decref(body);
}

/* ---- /check ---- */

static void reply_check(const json_t *list, const char *name,
                        struct http_server_reply *reply) {
  const json_t *found = find_switch(list, name);
  const char *text = found == NULL ? "no response has a switch of this name\n"
                     : json_is_true(json_object_get(found, "on")) ? "not now\n"
                                                                  : "go on\n";
  bool is_on = found != NULL && json_is_true(json_object_get(found, "on"));
  reply->status = found == NULL ? 404 : is_on ? 429 : 200;
  reply->retry_after_s = is_on ? RETRY_AFTER_S : 0;
  reply->type = "text/plain; charset=utf-8";
  reply->constant_body = text;
  reply->bytes = strlen(text);
}

/* ---- both ---- */

static bool has_method(const struct http_server_request *request,
                       const char *first, const char *second) {
  return strcmp(request->method, first) == 0 ||
         strcmp(request->method, second) == 0;
}

static void reply_wrong_method(struct http_server_reply *reply,
                               const char *allowed) {
  http_server_set_json(reply, 405,
                       json_pack("{ss+}", "error", "use the method ", allowed));
}

bool switch_api_handle(const struct status_deps *deps,
                       const struct http_server_request *request,
                       struct http_server_reply *reply) {
  const char *path = request->path;
  size_t ofrep = sizeof(OFREP_PATH) - 1;
  bool is_check = strncmp(path, CHECK_PATH, sizeof(CHECK_PATH) - 1) == 0;
  bool is_ofrep = strncmp(path, OFREP_PATH, ofrep) == 0 &&
                  (path[ofrep] == '\0' || path[ofrep] == '/');
  if (!deps->options->has_switches || (!is_check && !is_ofrep)) {
    return false;
  }
  if (is_check && !has_method(request, "GET", "HEAD")) {
    reply_wrong_method(reply, "GET or HEAD");
    return true;
  }
  if (is_ofrep && !has_method(request, "POST", "POST")) {
    reply_wrong_method(reply, "POST");
    return true;
  }
  const char *name = is_check ? path + sizeof(CHECK_PATH) - 1
                     : path[ofrep] == '/' && path[ofrep + 1] != '\0'
                         ? path + ofrep + 1
                         : NULL;
  json_t *list = list_switches(deps);
  if (name == NULL || find_switch(list, name) != NULL) {
    note_reader(deps, request, name == NULL ? "" : name);
  }
  if (is_check) {
    reply_check(list, name, reply);
  } else {
    reply_flags(list, name, request, reply);
  }
  json_decref(list);
  return true;
}

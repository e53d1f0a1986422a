/* SPDX-License-Identifier: MIT */
/* status_answer: what is said to whom. */
#include <stdlib.h>
#include <string.h>

#include "resource_alert/status/status_parts.h"

void status_reply_json(struct http_reply *reply, unsigned code, json_t *json) {
  char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
  json_decref(json);
  reply->type = "application/json";
  reply->status = text == NULL ? 500 : code;
  reply->body = text;
  reply->constant_body = text == NULL ? "{}" : NULL;
  reply->bytes = text == NULL ? 2 : strlen(text);
}

static bool is_unhealthy(const struct status *status, const char *worst) {
  switch ((enum status_unhealthy)status->deps.options->unhealthy) {
  case STATUS_UNHEALTHY_NEVER:
    return false;
  case STATUS_UNHEALTHY_FAILURE:
    return strcmp(worst, "FAILURE") == 0;
  case STATUS_UNHEALTHY_WARNING:
    return strcmp(worst, "OKAY") != 0 && strcmp(worst, "UNKNOWN") != 0;
  }
  return false;
}

/* The rules that are not well, as "name STATE". */
static json_t *reasons_of(const json_t *rules) {
  json_t *reasons = json_array();
  for (size_t i = 0; i < json_array_size(rules); i++) {
    const json_t *rule = json_array_get(rules, i);
    const char *state = json_string_value(json_object_get(rule, "state"));
    const char *name = json_string_value(json_object_get(rule, "name"));
    if (state != NULL && name != NULL && strcmp(state, "OKAY") != 0 &&
        strcmp(state, "UNKNOWN") != 0) {
      (void)json_array_append_new(
          reasons, json_pack("{ss ss sO}", "rule", name, "state", state,
                             "value", json_object_get(rule, "value")));
    }
  }
  return reasons;
}

static void answer_health(struct status *status, struct http_reply *reply) {
  (void)pthread_mutex_lock(&status->lock);
  const json_t *snapshot = status_take(status);
  const json_t *rules = json_object_get(snapshot, "rules");
  const char *worst = status_worst(rules);
  bool is_bad = is_unhealthy(status, worst);
  json_t *health = json_pack("{sb ss so}", "healthy", (int)!is_bad, "worst",
                             worst, "reasons", reasons_of(rules));
  (void)pthread_mutex_unlock(&status->lock);
  status_reply_json(reply, is_bad ? 503 : 200, health);
}

static void answer_status(struct status *status, struct http_reply *reply) {
  (void)pthread_mutex_lock(&status->lock);
  status_reply_json(reply, 200, json_incref(status_take(status)));
  (void)pthread_mutex_unlock(&status->lock);
}

static void answer_page(struct http_reply *reply) {
  *reply = (struct http_reply){.status = 200,
                               .type = "text/html; charset=utf-8",
                               .constant_body = status_page,
                               .bytes = status_page_bytes};
}

static void refuse_method(const struct status_door *door,
                          struct http_reply *reply) {
  status_reply_json(
      reply, 405,
      json_pack("{ss}", "error",
                door->takes_orders
                    ? "no such order"
                    : "read only: orders are taken on the ControlSocket"));
}

void status_answer(void *context, const struct http_request *request,
                   struct http_reply *reply) {
  const struct status_door *door = context;
  bool reads = strcmp(request->method, "GET") == 0 ||
               strcmp(request->method, "HEAD") == 0;
  bool orders = door->takes_orders && strcmp(request->method, "POST") == 0;
  if (orders && status_obey(door->status, request, reply)) {
    return;
  }
  if (!reads) {
    refuse_method(door, reply);
  } else if (strcmp(request->path, "/") == 0) {
    answer_page(reply);
  } else if (strcmp(request->path, "/status") == 0) {
    answer_status(door->status, reply);
  } else if (strcmp(request->path, "/health") == 0) {
    answer_health(door->status, reply);
  }
}

/* SPDX-License-Identifier: MIT */
/* status_orders: what is obeyed, each act with a line in the journal. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/json_util.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/responses.h"
#include "resource_alert/status/status_parts.h"

#define SILENCE_S_MAX (365.0 * 86400)

static int64_t wall_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The text of a member, or FALLBACK. */
static const char *text_of(const json_t *order, const char *name,
                           const char *fallback) {
  const char *text = json_string_value(json_object_get(order, name));
  return text == NULL ? fallback : text;
}

static void note(struct status *status, const char *event, json_t *fields) {
  if (status->deps.journal != NULL) {
    journal_put(status->deps.journal, event, fields);
  } else {
    json_decref(fields);
  }
}

static int add_silence(struct status *status, const json_t *order,
                       struct error *error) {
  int64_t now_ms = wall_ms();
  double for_s = json_number_value(json_object_get(order, "for_s"));
  if (!(for_s > 0 && for_s <= SILENCE_S_MAX)) {
    return error_set(error, -EINVAL, "for_s is not between 0 and a year");
  }
  const struct silence_wish wish = {
      .pattern = text_of(order, "name", ""),
      .until_ms = now_ms + (int64_t)(for_s * 1000),
      .who = text_of(order, "who", "unknown"),
      .comment = text_of(order, "comment", ""),
  };
  int code = silences_add(status->deps.silences, &wish, now_ms, error);
  if (code == 0) {
    note(status, "silence",
         json_pack("{so sf so so}", "name", json_util_text(wish.pattern),
                   "for_s", for_s, "who", json_util_text(wish.who), "comment",
                   json_util_text(wish.comment)));
  }
  return code;
}

static int end_silence(struct status *status, const json_t *order,
                       struct error *error) {
  const char *name = text_of(order, "name", "");
  int code = silences_remove(status->deps.silences, name, wall_ms(), error);
  if (code == 0) {
    note(status, "unsilence",
         json_pack("{so so}", "name", json_util_text(name), "who",
                   json_util_text(text_of(order, "who", "unknown"))));
  }
  return code;
}

static int command(struct status *status, const json_t *order,
                   enum responses_order what, struct error *error) {
  if (status->deps.responses == NULL) {
    return error_set(error, -ENOENT, "there are no responses");
  }
  return responses_command(status->deps.responses,
                           text_of(order, "response", NULL), what,
                           text_of(order, "who", "unknown"), error);
}

static int set_mode(struct status *status, const json_t *order,
                    struct error *error) {
  static const struct {
    const char *name;
    enum responses_order order;
  } modes[] = {
      {"auto", RESPONSES_MODE_AUTO},
      {"dryrun", RESPONSES_MODE_DRYRUN},
      {"off", RESPONSES_MODE_OFF},
      {"configured", RESPONSES_MODE_CONFIGURED},
  };
  const char *mode = text_of(order, "mode", "");
  for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
    if (strcmp(mode, modes[i].name) == 0) {
      return command(status, order, modes[i].order, error);
    }
  }
  return error_set(error, -EINVAL,
                   "mode \"%s\" is none of auto, dryrun, off, configured",
                   mode);
}

static int release(struct status *status, const json_t *order,
                   struct error *error) {
  return command(status, order, RESPONSES_RELEASE, error);
}

static int clear_latch(struct status *status, const json_t *order,
                       struct error *error) {
  return command(status, order, RESPONSES_CLEAR_LATCH, error);
}

static int drill(struct status *status, const json_t *order,
                 struct error *error) {
  return command(status, order, RESPONSES_DRILL, error);
}

static const struct {
  const char *path;
  int (*obey)(struct status *status, const json_t *order, struct error *error);
} orders[] = {
    {"/silence", add_silence}, {"/unsilence", end_silence},
    {"/mode", set_mode},       {"/deactivate", release},
    {"/reset", clear_latch},   {"/self-test", drill},
};

static unsigned http_status_of(int code) {
  return code == 0 ? 200 : code == -ENOENT ? 404 : code == -ENOMEM ? 500 : 400;
}

bool status_obey(struct status *status, const struct http_request *request,
                 struct http_reply *reply) {
  for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
    if (strcmp(request->path, orders[i].path) != 0) {
      continue;
    }
    struct error error = {{0}};
    json_t *order = json_loads(request->body, JSON_REJECT_DUPLICATES, NULL);
    int code = json_is_object(order)
                   ? orders[i].obey(status, order, &error)
                   : error_set(&error, -EINVAL, "the body is no JSON object");
    status_reply_json(
        reply, http_status_of(code),
        code == 0 ? json_pack("{sb}", "done", 1)
                  : json_pack("{so}", "error", json_util_text(error.text)));
    json_decref(order);
    (void)pthread_mutex_lock(&status->lock);
    json_decref(status->snapshot); /* what is asked next sees the change */
    status->snapshot = NULL;
    (void)pthread_mutex_unlock(&status->lock);
    return true;
  }
  return false;
}

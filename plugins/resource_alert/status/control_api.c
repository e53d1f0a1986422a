/* SPDX-License-Identifier: MIT */
/* control_api: the commands that the ControlSocket accepts. */
#include "resource_alert/status/control_api.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/json_util.h"
#include "resource_alert/alerts/silence.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/responses.h"

#define SILENCE_S_MAX (365.0 * 86400)

static int64_t wall_clock_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The text of a member, or FALLBACK. */
static const char *get_text(const json_t *body, const char *name,
                            const char *fallback) {
  const char *text = json_string_value(json_object_get(body, name));
  return text == NULL ? fallback : text;
}

/* fields: taken. */
static void journal_control_command(const struct status_deps *deps,
                                    const char *event, json_t *fields) {
  if (deps->journal != NULL) {
    journal_put(deps->journal, event, fields);
  } else {
    json_decref(fields);
  }
}

static int handle_silence(const struct status_deps *deps, const json_t *body,
                          struct error *error) {
  int64_t now_ms = wall_clock_ms();
  double for_s = json_number_value(json_object_get(body, "for_s"));
  if (!(for_s > 0 && for_s <= SILENCE_S_MAX)) {
    return error_set(error, -EINVAL, "for_s is not between 0 and a year");
  }
  const struct silence_request silence = {
      .pattern = get_text(body, "name", ""),
      .until_ms = now_ms + (int64_t)(for_s * 1000),
      .who = get_text(body, "who", "unknown"),
      .comment = get_text(body, "comment", ""),
  };
  int code = silences_add(deps->silences, &silence, now_ms, error);
  if (code == 0) {
    journal_control_command(
        deps, "silence",
        json_pack("{so sf so so}", "name", json_util_text(silence.pattern),
                  "for_s", for_s, "who", json_util_text(silence.who), "comment",
                  json_util_text(silence.comment)));
  }
  return code;
}

static int handle_unsilence(const struct status_deps *deps, const json_t *body,
                            struct error *error) {
  const char *name = get_text(body, "name", "");
  int code = silences_remove(deps->silences, name, wall_clock_ms(), error);
  if (code == 0) {
    journal_control_command(
        deps, "unsilence",
        json_pack("{so so}", "name", json_util_text(name), "who",
                  json_util_text(get_text(body, "who", "unknown"))));
  }
  return code;
}

/* The response's own worker writes the journal. */
static int send_to_responses(const struct status_deps *deps, const json_t *body,
                             enum responses_command command,
                             struct error *error) {
  if (deps->responses == NULL) {
    return error_set(error, -ENOENT, "there are no responses");
  }
  return responses_send_command(deps->responses,
                                get_text(body, "response", NULL), command,
                                get_text(body, "who", "unknown"), error);
}

static int handle_mode_command(const struct status_deps *deps,
                               const json_t *body, struct error *error) {
  static const struct {
    const char *name;
    enum responses_command command;
  } modes[] = {
      {"auto", RESPONSES_MODE_AUTO},
      {"dryrun", RESPONSES_MODE_DRYRUN},
      {"off", RESPONSES_MODE_OFF},
      {"configured", RESPONSES_MODE_CONFIGURED},
  };
  const char *mode = get_text(body, "mode", "");
  for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
    if (strcmp(mode, modes[i].name) == 0) {
      return send_to_responses(deps, body, modes[i].command, error);
    }
  }
  return error_set(error, -EINVAL,
                   "mode \"%s\" is none of auto, dryrun, off, configured",
                   mode);
}

static int handle_deactivate(const struct status_deps *deps, const json_t *body,
                             struct error *error) {
  return send_to_responses(deps, body, RESPONSES_DEACTIVATE, error);
}

static int handle_reset(const struct status_deps *deps, const json_t *body,
                        struct error *error) {
  return send_to_responses(deps, body, RESPONSES_RESET, error);
}

static int handle_self_test(const struct status_deps *deps, const json_t *body,
                            struct error *error) {
  return send_to_responses(deps, body, RESPONSES_SELF_TEST, error);
}

static const struct {
  const char *path;
  int (*handle)(const struct status_deps *deps, const json_t *body,
                struct error *error);
} commands[] = {
    {"/silence", handle_silence},   {"/unsilence", handle_unsilence},
    {"/mode", handle_mode_command}, {"/deactivate", handle_deactivate},
    {"/reset", handle_reset},       {"/self-test", handle_self_test},
};

static unsigned http_status_for(int code) {
  return code == 0 ? 200 : code == -ENOENT ? 404 : code == -ENOMEM ? 500 : 400;
}

bool control_api_handle(const struct status_deps *deps,
                        const struct http_server_request *request,
                        struct http_server_reply *reply) {
  for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
    if (strcmp(request->path, commands[i].path) != 0) {
      continue;
    }
    struct error error = {{0}};
    json_t *body = json_loads(request->body, JSON_REJECT_DUPLICATES, NULL);
    int code =
        json_is_object(body)
            ? commands[i].handle(deps, body, &error)
            : error_set(&error, -EINVAL, "the body is not a JSON object");
    http_server_set_json(
        reply, http_status_for(code),
        code == 0 ? json_pack("{sb}", "done", 1)
                  : json_pack("{so}", "error", json_util_text(error.text)));
    json_decref(body);
    return true;
  }
  return false;
}

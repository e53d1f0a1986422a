/* SPDX-License-Identifier: MIT */
/* control_api: the commands that the ControlSocket accepts.
 *
 * The path names the command, the body is a JSON object with its arguments, the
 * response {"done": true, ...} or {"error": TEXT}. Who may send one is decided
 * by the mode of the socket alone; who sent one is what the kernel says. */
#include "resource_alert/status/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/glob.h"
#include "core/json_util.h"
#include "core/text.h"
#include "resource_alert/alerts/engine.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/responses.h"

#define SILENCE_S_MAX (365.0 * 86400)
#define CLAIM_BYTES 64
#define SENDER_BYTES 256

/* The text of a member, or FALLBACK. */
static const char *get_body_text(const json_t *body, const char *name,
                                 const char *fallback) {
  const char *text = json_string_value(json_object_get(body, name));
  return text == NULL ? fallback : text;
}

/* Replaces what the client calls itself, which may be the person behind sudo or
 * a lie, by who sent the request as the kernel knows it. */
static void set_sender(const struct http_server_request *request,
                       json_t *body) {
  char claim[CLAIM_BYTES];
  char sender[SENDER_BYTES];
  bool has_name = request->user[0] != '\0';
  text_escape(claim, sizeof(claim), get_body_text(body, "who", ""));
  bool has_claim = claim[0] != '\0' && strcmp(claim, request->user) != 0;
  (void)snprintf(sender, sizeof(sender), "%s%suid %u, pid %d%s%s%s",
                 request->user, has_name ? " (" : "", (unsigned)request->uid,
                 (int)request->pid, has_claim ? "; calls itself " : "",
                 has_claim ? claim : "", has_name ? ")" : "");
  (void)json_object_set_new(body, "who", json_util_from_text(sender));
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

/* 0 stands for a member that is missing, and is refused. */
static int handle_silence(const struct status_deps *deps, const json_t *body,
                          json_t *reply, struct error *error) {
  (void)reply;
  /* Silences end at a time of day and outlive a restart. */
  int64_t now_ms = engine_real_clock.wall_ms();
  double for_s = json_number_value(json_object_get(body, "for_s"));
  if (!(for_s > 0 && for_s <= SILENCE_S_MAX)) {
    return error_set(error, -EINVAL, "for_s is not between 0 and a year");
  }
  const struct silence_request silence = {
      .pattern = get_body_text(body, "name", ""),
      .until_ms = now_ms + (int64_t)(for_s * 1000),
      .who = get_body_text(body, "who", ""),
      .comment = get_body_text(body, "comment", ""),
  };
  int code = silences_add(deps->silences, &silence, now_ms, error);
  if (code == 0) {
    journal_control_command(
        deps, "silence",
        json_pack("{so sf so so}", "name", json_util_from_text(silence.pattern),
                  "for_s", for_s, "who", json_util_from_text(silence.who),
                  "comment", json_util_from_text(silence.comment)));
  }
  return code;
}

/* -ENOENT, and so status 404, where there is no such silence. */
static int handle_unsilence(const struct status_deps *deps, const json_t *body,
                            json_t *reply, struct error *error) {
  (void)reply;
  const char *name = get_body_text(body, "name", "");
  int code =
      silences_remove(deps->silences, name, engine_real_clock.wall_ms(), error);
  if (code == 0) {
    journal_control_command(
        deps, "unsilence",
        json_pack("{so so}", "name", json_util_from_text(name), "who",
                  json_util_from_text(get_body_text(body, "who", ""))));
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
                                get_body_text(body, "response", NULL), command,
                                get_body_text(body, "who", ""), error);
}

/* Applies to all responses unless the body names one. */
static int handle_mode_command(const struct status_deps *deps,
                               const json_t *body, json_t *reply,
                               struct error *error) {
  (void)reply;
  static const char *const modes[] = {
      [RESPONSES_MODE_AUTO] = "auto",
      [RESPONSES_MODE_DRYRUN] = "dryrun",
      [RESPONSES_MODE_OFF] = "off",
      [RESPONSES_MODE_CONFIGURED] = "configured",
  };
  const char *mode = get_body_text(body, "mode", "");
  for (int i = RESPONSES_MODE_AUTO; i <= RESPONSES_MODE_CONFIGURED; i++) {
    if (strcmp(mode, modes[i]) == 0) {
      return send_to_responses(deps, body, (enum responses_command)i, error);
    }
  }
  return error_set(error, -EINVAL,
                   "mode \"%s\" is none of auto, dryrun, off, configured",
                   mode);
}

/* -ENOENT, and so status 404, where no series matches. */
static int handle_forget(const struct status_deps *deps, const json_t *body,
                         json_t *reply, struct error *error) {
  const char *name = get_body_text(body, "name", "");
  struct error reason = {{0}};
  if (name[0] == '\0' || glob_check(name, &reason) != 0) {
    return error_set(error, -EINVAL, "pattern \"%s\" %s", name,
                     name[0] == '\0' ? "is empty" : reason.text);
  }
  json_t *names = json_array();
  size_t forgotten = engine_forget_series(deps->engine, name, names);
  if (forgotten == 0) {
    json_decref(names);
    return error_set(error, -ENOENT,
                     "no series with an alert matches \"%s\"; status shows "
                     "their names",
                     name);
  }
  (void)json_object_set_new(reply, "forgotten",
                            json_integer((json_int_t)forgotten));
  (void)json_object_set(reply, "series", names);
  journal_control_command(
      deps, "forget",
      json_pack("{so sI so so}", "name", json_util_from_text(name), "forgotten",
                (json_int_t)forgotten, "series", names, "who",
                json_util_from_text(get_body_text(body, "who", ""))));
  return 0;
}

static const struct {
  const char *path;
  /* NULL: COMMAND is sent as it is to the responses. */
  int (*handle)(const struct status_deps *deps, const json_t *body,
                json_t *reply, struct error *error);
  enum responses_command command;
} commands[] = {
    {"/silence", handle_silence, 0},
    {"/unsilence", handle_unsilence, 0},
    {"/forget", handle_forget, 0},
    {"/mode", handle_mode_command, 0},
    {"/deactivate", NULL, RESPONSES_DEACTIVATE},
    {"/reset", NULL, RESPONSES_RESET},
    {"/self-test", NULL, RESPONSES_SELF_TEST},
};

/* Runs the command number I of the table. */
static int run_control_command(size_t i, const struct status_deps *deps,
                               const json_t *body, json_t *reply,
                               struct error *error) {
  if (!json_is_object(body)) {
    return error_set(error, -EINVAL, "the body is not a JSON object");
  }
  return commands[i].handle != NULL
             ? commands[i].handle(deps, body, reply, error)
             : send_to_responses(deps, body, commands[i].command, error);
}

/* All other errors are the caller's: a member that is missing or out of
 * range. */
static unsigned find_http_status(int code) {
  return code == 0 ? 200 : code == -ENOENT ? 404 : code == -ENOMEM ? 500 : 400;
}

bool status_handle_command(const struct status_deps *deps,
                           const struct http_server_request *request,
                           struct http_server_reply *reply) {
  for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
    if (strcmp(request->path, commands[i].path) != 0) {
      continue;
    }
    struct error error = {{0}};
    json_t *body = json_loads(request->body, JSON_REJECT_DUPLICATES, NULL);
    set_sender(request, body);
    json_t *done = json_pack("{sb}", "done", 1);
    int code = run_control_command(i, deps, body, done, &error);
    http_server_set_json(
        reply, find_http_status(code),
        code == 0
            ? json_incref(done)
            : json_pack("{so}", "error", json_util_from_text(error.text)));
    json_decref(done);
    json_decref(body);
    return true;
  }
  return false;
}

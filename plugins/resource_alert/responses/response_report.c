/* SPDX-License-Identifier: MIT */
/* response_report: how a response reads in the log, in the journal, as a
 * notification and in the status.
 *
 * All functions run on the thread of the response, which owns what they read.
 * What other threads need is copied into a JSON document or a struct
 * response_next. */
#include "resource_alert/responses/response_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/json_util.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/action_runner.h"

/* ---- log and journal ---- */

/* "" before the first breach, and after a restart without one. */
static const char *cause_name(const struct response *response) {
  return response->cause == NULL ? "" : response->cause->name;
}

void response_report_change(const struct response_report *report,
                            enum response_state before) {
  const struct response *response = report->response;
  const char *from = response_state_name(before);
  const char *to = response_state_name(response->state);
  size_t level = response_count_actions_on(response);
  log_write(&report->log, LOG_LEVEL_NOTICE,
            "response \"%s\": %s -> %s, rule \"%s\", %zu of %zu actions on",
            report->name, from, to, cause_name(response), level,
            response_count_actions(response));
  journal_put(report->journal, "response",
              json_pack("{s:s, s:s, s:s, s:o, s:I}", "response", report->name,
                        "from", from, "to", to, "cause",
                        json_util_from_text(cause_name(response)), "level",
                        (json_int_t)level));
}

void response_report_blocked(const struct response_report *report,
                             const struct action_runner *runner,
                             enum log_level level, const char *cause) {
  action_runner_journal(runner, "blocked", json_pack("{s:s}", "cause", cause));
  log_write(&report->log, level, "response \"%s\": %s: blocked: %s",
            report->name, runner->name, cause);
}

void response_report_forbidden(const struct response_report *report) {
  const struct response_rule *rule = report->response->forbidden_by;
  const char *state = alert_state_name(rule->now.state);
  const char *what = response_is_engaged(report->response)
                         ? "goes no step further"
                         : "does not engage";
  journal_put(report->journal, "forbidden",
              json_pack("{s:s, s:s, s:s, s:s}", "response", report->name,
                        "unless", rule->name, "state", state, "what", what));
  log_write(&report->log, LOG_LEVEL_NOTICE,
            "response \"%s\": %s: Unless \"%s\" is %s", report->name, what,
            rule->name, state);
}

void response_report_tripped(const struct response_report *report) {
  log_write(
      &report->log, LOG_LEVEL_ERROR,
      "response \"%s\": rate limit tripped: more than %zu actions within an "
      "hour; takes no further action until reset: resource-alertctl reset %s",
      report->name, report->response->settings.max_actions, report->name);
}

void response_report_effect(const struct response_report *report, double before,
                            double after, bool has_moved, int64_t checked_s) {
  const char *rule = cause_name(report->response);
  journal_put(report->journal, "effect",
              json_pack("{s:s, s:o, s:o, s:o, s:b}", "response", report->name,
                        "rule", json_util_from_text(rule), "before",
                        json_util_from_number(before), "after",
                        json_util_from_number(after), "moved", (int)has_moved));
  if (!has_moved && response_is_engaged(report->response)) {
    log_write(&report->log, LOG_LEVEL_WARNING,
              "response \"%s\": no effect on rule \"%s\" after %lld s",
              report->name, rule, (long long)checked_s);
  }
}

/* ---- notifications ---- */

void response_report_notify(const struct response_report *report,
                            enum notification_severity severity,
                            const char *message) {
  const struct response *response = report->response;
  const struct notification_field fields[] = {
      {.name = "state", .text = response_state_name(response->state)},
      {.name = "level", .number = (double)response_count_actions_on(response)},
  };
  const struct notification notification = {
      .severity = severity,
      .host = "",
      .plugin = "",
      .plugin_instance = report->name,
      .type = "degradation_level",
      .type_instance = "",
      .message = message,
      .fields = fields,
      .fields_len = sizeof(fields) / sizeof(fields[0]),
  };
  if (report->notifications.put != NULL) {
    report->notifications.put(report->notifications.context, &notification);
  }
}

void response_report_notify_state(const struct response_report *report) {
  const struct response *response = report->response;
  char message[NOTIFICATION_MESSAGE_BYTES];
  (void)snprintf(message, sizeof(message),
                 "response \"%s\" is %s, rule \"%s\", %zu of %zu actions on",
                 report->name, response_state_name(response->state),
                 cause_name(response), response_count_actions_on(response),
                 response_count_actions(response));
  response_report_notify(report,
                         response->state == RESPONSE_OFF ? NOTIFICATION_OKAY
                                                         : NOTIFICATION_WARNING,
                         message);
}

/* ---- status ---- */

/* "" means in our structs that there is none; null does in JSON. */
static json_t *text_or_null(const char *text) {
  return text == NULL || text[0] == '\0' ? json_null()
                                         : json_util_from_text(text);
}

/* The names are part of the interface: see the manual of the status. */
static json_t *action_to_json(const struct response_action *action,
                              const struct action_runner *runner) {
  static const char *const states[] = {[RESPONSE_ACTION_OFF] = "off",
                                       [RESPONSE_ACTION_ON] = "on",
                                       [RESPONSE_ACTION_UNSURE] = "unsure"};
  bool is_left_alone = action->state == RESPONSE_ACTION_ON &&
                       action->outcome == ACTION_LEFT_ALONE;
  return json_pack(
      "{s:s, s:s, s:b, s:s, s:o, s:o, s:o}", "name", runner->name, "state",
      is_left_alone ? "left_alone" : states[action->state], "wanted",
      (int)action->is_wanted, "mode", action_mode_words[action->mode],
      "finding", text_or_null(runner->finding), "error",
      text_or_null(runner->failure), "self_test",
      text_or_null(runner->self_test));
}

json_t *response_report_to_json(const struct response_report *report,
                                const struct action_runner *runners,
                                int64_t engaged_s, enum action_mode mode) {
  const struct response *response = report->response;
  json_t *rules = json_array();
  json_t *actions = json_array();
  json_t *unless = json_array();
  for (size_t i = 0; i < response->rules_len + response->unless_len; i++) {
    (void)json_array_append_new(i < response->rules_len ? rules : unless,
                                json_util_from_text(response->rules[i].name));
  }
  for (size_t i = 0; i < response->actions_len; i++) {
    (void)json_array_append_new(
        actions, action_to_json(&response->actions[i], &runners[i]));
  }
  return json_pack(
      "{s:s, s:s, s:o, s:s, s:I, s:o, s:o, s:b, s:o}", "name", report->name,
      "state", response_state_name(response->state), "since",
      response->state == RESPONSE_OFF ? json_null() : json_integer(engaged_s),
      "mode", action_mode_words[mode], "level",
      (json_int_t)response_count_actions_on(response), "when", rules, "unless",
      unless, "tripped", (int)response->rate_limit.is_tripped, "actions",
      actions);
}

/* The action that the escalation reaches next. */
static void find_next_action(const struct response *response,
                             const struct action_runner *runners,
                             struct response_next *next) {
  for (size_t i = 0; i < response->actions_len; i++) {
    int64_t due_ms = response_action_due_ms(response, i);
    if (response->actions[i].mode != ACTION_MODE_OFF && due_ms < next->at_ms) {
      next->at_ms = due_ms;
      (void)snprintf(next->text, sizeof(next->text), "engage %s",
                     runners[i].name);
    }
  }
}

struct response_next
response_report_find_next(const struct response_report *report,
                          const struct action_runner *runners) {
  const struct response *response = report->response;
  struct response_next next = {.at_ms = RESPONSE_NEVER};
  int64_t engage_ms = response_engage_at_ms(response);
  int64_t release_ms = response_release_at_ms(response);
  if (engage_ms != RESPONSE_NEVER) {
    next = (struct response_next){"engage", engage_ms};
  } else if (release_ms != RESPONSE_NEVER) {
    next = (struct response_next){"release", release_ms};
  } else if (response->is_deactivated) {
    next = (struct response_next){
        "deactivated until its rules are within limits", RESPONSE_NEVER};
  } else if (response->is_forbidden_reported) {
    next.at_ms = RESPONSE_NEVER;
    (void)snprintf(next.text, sizeof(next.text), "forbidden by rule \"%s\"",
                   response->forbidden_by->name);
  } else if (response->input == RESPONSE_FROZEN &&
             response->state != RESPONSE_OFF) {
    next = (struct response_next){
        "held, a series stopped while it was bad; released",
        response->hold_until_ms + response->settings.release_ms};
  } else {
    find_next_action(response, runners, &next);
  }
  return next;
}

json_t *response_report_next_to_json(const struct response_next *next) {
  char words[sizeof(next->text) + 32];
  int64_t left_ms = next->at_ms - clock_monotonic_ms();
  if (next->at_ms == RESPONSE_NEVER) {
    return text_or_null(next->text);
  }
  (void)snprintf(words, sizeof(words), "%s in %" PRId64 " s", next->text,
                 left_ms > 0 ? (left_ms + 999) / 1000 : 0);
  return json_util_from_text(words);
}

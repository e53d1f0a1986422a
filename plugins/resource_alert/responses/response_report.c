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
#include <string.h>

#include "core/clock.h"
#include "core/json_util.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/action_runner.h"

/* ---- log and journal ---- */

/* "" before the first breach, and after a restart without one. */
static const char *cause_name(const struct response *response) {
  return response->cause == NULL ? "" : response->cause->name;
}

/* Where the state is pretended, so are the actions. */
static const char *get_state_label(const struct response *response,
                                   enum response_state state) {
  return response_state_label(state, response_is_dry_run(response));
}

#define LEVEL_BYTES 96
static void format_level(const struct response *response,
                         char text[LEVEL_BYTES]) {
  size_t all = response_count_actions(response);
  if (response_is_dry_run(response)) {
    (void)snprintf(text, LEVEL_BYTES, "%zu of %zu actions would be on",
                   response_count_would_be_on(response), all);
  } else {
    (void)snprintf(text, LEVEL_BYTES, "%zu of %zu actions on",
                   response_count_actions_on(response), all);
  }
}

void response_report_change(const struct response_report *report,
                            enum response_state before) {
  const struct response *response = report->response;
  const char *from = get_state_label(response, before);
  const char *to = get_state_label(response, response->state);
  size_t level = response_count_actions_on(response);
  char level_text[LEVEL_BYTES];
  format_level(response, level_text);
  log_write(&report->log, LOG_LEVEL_NOTICE,
            "response \"%s\": %s -> %s, rule \"%s\", %s", report->name, from,
            to, cause_name(response), level_text);
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

void response_report_effect(const struct response_report *report,
                            const struct response_rule *rule,
                            const struct rule_status *before,
                            int64_t checked_s) {
  const char *effect = response_compare_rule(before, &rule->now);
  bool is_better = strcmp(effect, "better") == 0;
  journal_put(report->journal, "effect",
              json_pack("{s:s, s:o, s:o, s:o, s:s}", "response", report->name,
                        "rule", json_util_from_text(rule->name), "before",
                        json_util_from_number(before->value), "after",
                        json_util_from_number(rule->now.value), "effect",
                        effect));
  log_write(&report->log, is_better ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
            "response \"%s\": rule \"%s\" is %s after %lld s: %.6g -> %.6g",
            report->name, rule->name, effect, (long long)checked_s,
            before->value, rule->now.value);
}

/* ---- notifications ---- */

void response_report_notify(const struct response_report *report,
                            enum notification_severity severity,
                            const char *message) {
  const struct response *response = report->response;
  response_notifier_put(report->notifier, severity, report->name, message,
                        get_state_label(response, response->state),
                        (double)response_count_actions_on(response));
}

void response_report_notify_state(const struct response_report *report) {
  const struct response *response = report->response;
  char message[NOTIFICATION_MESSAGE_BYTES];
  char level[LEVEL_BYTES];
  format_level(response, level);
  (void)snprintf(message, sizeof(message),
                 "response \"%s\" is %s, rule \"%s\", %s", report->name,
                 get_state_label(response, response->state),
                 cause_name(response), level);
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

/* The names show what only a dry run pretends. They are part of the interface:
 * see the manual of the status. */
static const char *get_action_state(const struct response_action *action) {
  static const char *const states[] = {[RESPONSE_ACTION_OFF] = "off",
                                       [RESPONSE_ACTION_ON] = "on",
                                       [RESPONSE_ACTION_UNSURE] = "unsure"};
  if (action->mode == ACTION_MODE_DRYRUN &&
      action->state != action->real_state) {
    return action->is_wanted ? "would_be_on" : "would_be_off";
  }
  return action->state == RESPONSE_ACTION_ON &&
                 action->outcome == ACTION_LEFT_ALONE
             ? "left_alone"
             : states[action->state];
}

static json_t *action_to_json(const struct response_action *action,
                              const struct action_runner *runner) {
  const char *label = runner->options->head.label;
  bool is_switch = runner->driver == &action_switch_driver;
  return json_pack("{s:s, s:s*, s:s, s:b, s:s, s:o, s:o, s:o}", "name",
                   runner->name, "switch", is_switch ? label : NULL, "state",
                   get_action_state(action), "wanted", (int)action->is_wanted,
                   "mode", action_mode_words[action->mode], "finding",
                   text_or_null(runner->finding), "error",
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
      "state", get_state_label(response, response->state), "since",
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
      (void)snprintf(next->text, sizeof(next->text), "%sengage %s",
                     response_is_dry_run(response) ? "would " : "",
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
  bool is_dry = response_is_dry_run(response);
  if (engage_ms != RESPONSE_NEVER) {
    next.at_ms = engage_ms;
    (void)snprintf(next.text, sizeof(next.text), "%s",
                   is_dry ? "would engage" : "engage");
  } else if (release_ms != RESPONSE_NEVER) {
    next.at_ms = release_ms;
    (void)snprintf(next.text, sizeof(next.text), "%s",
                   is_dry ? "would release" : "release");
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

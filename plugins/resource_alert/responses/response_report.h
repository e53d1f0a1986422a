/* SPDX-License-Identifier: MIT */
/* response_report: reports a response to the log, the journal, by notifications
 * and in the status. */
#pragma once

#include <jansson.h>

#include "core/log.h"
#include "resource_alert/responses/response.h"
#include "resource_alert/responses/response_notifier.h"

struct action_runner;
struct journal;

/* Whose reports, and where they go; all borrowed. */
struct response_report {
  const char *name; /* of the response */
  const struct response *response;
  struct log_sink log;
  struct journal *journal;
  struct response_notifier *notifier;
};

/* What comes next, and when. */
struct response_next {
  char text[RESPONSE_ACTION_NAME_BYTES + 32]; /* "" where nothing does */
  int64_t at_ms; /* RESPONSE_NEVER: at no time known */
};

/* Logs and journals a change of state. */
void response_report_change(const struct response_report *report,
                            enum response_state before);

/* Queue a notification, the first one of the current state. */
void response_report_notify_state(const struct response_report *report);

void response_report_notify(const struct response_report *report,
                            enum notification_severity severity,
                            const char *message);

/* Logs and journals that a due action is not attempted. */
void response_report_blocked(const struct response_report *report,
                             const struct action_runner *runner,
                             enum log_level level, const char *cause);

/* Logs and journals that a rule of Unless forbids what is due. */
void response_report_forbidden(const struct response_report *report);

/* Logs that the rate limit has tripped. */
void response_report_tripped(const struct response_report *report);

/* Journals and logs what the effect check found: how RULE is now, and BEFORE,
 * when an action was engaged CHECKED_S ago. */
void response_report_effect(const struct response_report *report,
                            const struct response_rule *rule,
                            const struct rule_status *before,
                            int64_t checked_s);

/* The response as in responses_to_json(), without what changes between two
 * decisions. RUNNERS: one for each action. Yours, json_decref(). */
json_t *response_report_to_json(const struct response_report *report,
                                const struct action_runner *runners,
                                int64_t engaged_s, enum action_mode mode);

struct response_next
response_report_find_next(const struct response_report *report,
                          const struct action_runner *runners);

/* "engage in 12 s", or null: to be made when it is read, since time passes. */
json_t *response_report_next_to_json(const struct response_next *next);

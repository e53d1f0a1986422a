/* SPDX-License-Identifier: MIT */
/* responses: all <Response> blocks at work. Each response and each of its
 * actions has a thread of its own, so that a target that hangs delays no other
 * one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "core/error.h"
#include "core/log.h"
#include "core/metric.h"
#include "core/notification.h"
#include "resource_alert/alerts/alert.h"
#include "resource_alert/responses/response_options.h"
#include "resource_alert/rules/rule.h"

struct alert_event;
struct journal;
struct responses;

/* What responses need. All borrowed until responses_stop() has returned. */
struct responses_deps {
  const struct responses_options *options;
  struct response_rule_names rules;
  const char *host;      /* collectd's name for this machine */
  const char *identity;  /* of this daemon, kept over renames; NULL: none */
  const char *state_dir; /* states are saved in state_dir/responses.jsonl; NULL:
                            nowhere */
  const char *state_dir_holder; /* another daemon: no command is taken; or
                                   NULL */
  bool has_commands; /* a person can send commands; without, a restart resets
                        rate limits */
  struct journal *journal;
  struct log_sink log;
  struct notification_sink
      notifications; /* called from a thread of its own; may take its time */
};

/* Checks what the option table cannot: that each When names an existing rule,
 * that each action finds its store. For the config callback, after each block.
 * first: the responses before it were checked before.
 * log: gets a line for each action that cannot work yet, such as one without
 * its command.
 * Returns 0, or -EINVAL with what to write instead. */
int responses_check(const struct responses_options *options, size_t first,
                    const struct response_rule_names *rules,
                    const struct log_sink *log, struct error *error);

/* Restores what was saved and starts the workers; for the init callback, since
 * config callbacks run before collectd forks.
 * *ret: yours, responses_stop(). Without any <Response> it is an empty set
 * that starts no thread.
 * Returns 0, or a negative errno when there is no thread or memory. */
int responses_start(const struct responses_deps *deps, struct responses **ret,
                    struct error *error);

/* Takes the status of the rule of an alert event. Any thread; copies a few
 * numbers and wakes the workers whose When or Unless names the rule; never
 * blocks. responses may be NULL. */
void responses_take_event(struct responses *responses,
                          const struct alert_event *event);

/* The same for what changes without an event; wakes only if the rule's states
 * have changed. rule->index: that in
 * responses_deps.rules. */
void responses_refresh_rule(struct responses *responses,
                            const struct rule *rule);

/* Takes a value of dbpool on this host for the actions that name its pool; any
 * other costs a comparison. Any thread. responses may be NULL. */
void responses_take_reading(struct responses *responses,
                            const struct reading *reading);

/* As engine_report_problems(). responses may be NULL. */
void responses_report_problems(struct responses *responses,
                               const struct log_sink *sink);

/* Puts each response's values: RESPONSE/degradation_level, RESPONSE/derive-*.
 * Any thread, not concurrently with responses_stop(); every few seconds. */
void responses_publish(struct responses *responses,
                       const struct sample_sink *sink);

/* What a person can have a response do. */
enum responses_command {
  /* In place of the modes of plugin and response; a stricter Mode of an action
   * still applies. Kept over a restart. */
  RESPONSES_MODE_AUTO,
  RESPONSES_MODE_DRYRUN,
  RESPONSES_MODE_OFF,
  RESPONSES_MODE_CONFIGURED, /* as configured again */
  RESPONSES_DEACTIVATE,      /* undo now; engage again only after a time within
                              * limits
                              */
  RESPONSES_RESET,           /* the rate limit */
  RESPONSES_SELF_TEST,
};

/* Hands a command to a response's worker, or to all where response is NULL, and
 * journals it. who: for the journal. Any thread; never blocks.
 * Returns 0; -ENOENT where there is no such response; -EBUSY while another
 * daemon holds the StateDir. */
int responses_send_command(struct responses *responses, const char *response,
                           enum responses_command command, const char *who,
                           struct error *error);

/* All responses as they are now, an array of
 *   {"name", "state", "since": epoch or null, "mode", "level", "when": [...],
 *    "unless": [...],
 *    "next": text or null, "tripped", "done", "failed", "blocked",
 *    "actions": [{"name", "state": "on", "off", "unsure", "left_alone",
 *                 "would_be_on" or "would_be_off",
 *                 "wanted", "mode", "finding": text or null,
 *                 "error": text or null, "self_test": "ok", text or null}]}
 * Yours, json_decref(); NULL when memory is short. Any thread; holds a lock
 * only for copying. */
json_t *responses_to_json(struct responses *responses);

/* Ends the workers, within 5 s whatever their targets do, and frees all. What
 * is engaged stays engaged and is saved. Returns false if a thread hangs in a
 * name resolver and is abandoned: then the deps must stay. Accepts NULL.
 */
bool responses_stop(struct responses *responses);

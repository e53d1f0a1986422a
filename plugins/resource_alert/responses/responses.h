/* SPDX-License-Identifier: MIT */
/* responses: all <Response> blocks at work: rules in, acts out. Each response
 * has a worker thread of its own, so that a target that hangs delays nobody
 * else. */
#ifndef RESOURCE_ALERT_RESPONSES_RESPONSES_H
#define RESOURCE_ALERT_RESPONSES_RESPONSES_H

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

struct alert_event;
struct journal;
struct responses;

/* The names of the <Threshold> rules in their order; borrowed. */
struct responses_rules {
  const char *const *names;
  size_t len;
};

/* What responses live on. All borrowed until responses_stop() has returned. */
struct responses_deps {
  const struct responses_options *options;
  struct responses_rules rules;
  const char *host;      /* collectd's name for this machine */
  const char *state_dir; /* desired states are kept in
                            state_dir/responses.jsonl; NULL: nowhere */
  struct journal *journal;
  struct log_sink log;
  struct notification_sink
      notifications; /* called from the workers; may take its time */
};

/* Checks what the option table cannot: that each When names a rule that is
 * there, that each action finds its store, that commands and the helper
 * program are safe to run. For the config callback, after each block.
 * Returns 0, or -EINVAL with the line that says what to write. */
int responses_check(const struct responses_options *options,
                    const struct responses_rules *rules, struct error *error);

/* Reads the desired states back and starts the workers; for the init callback,
 * since config callbacks run before collectd forks.
 * *ret: yours, responses_stop(). Without any <Response> it is an empty set
 * that starts no thread.
 * Returns 0; a negative errno when no thread or memory is to be had. */
int responses_start(const struct responses_deps *deps, struct responses **ret,
                    struct error *error);

/* Takes the worst state of a rule over all its series, and its value, from an
 * alert event. Any thread; copies two numbers and wakes the workers whose When
 * names the rule; never blocks. responses may be NULL. */
void responses_take_event(struct responses *responses,
                          const struct alert_event *event);

/* The same without an event, for what changes without one. rule: index in
 * responses_deps.rules; value: NaN if it is not known. */
void responses_refresh_rule(struct responses *responses, size_t rule,
                            enum alert_state worst, double value);

/* Puts each response's values: RESPONSE/degradation_level, RESPONSE/derive-*.
 * Any thread, not concurrently with responses_stop(). */
void responses_publish(struct responses *responses,
                       const struct sample_sink *sink);

/* What a person can tell a response to do. */
enum responses_order {
  RESPONSES_MODE_AUTO,   /* in place of the modes of plugin and response; an */
  RESPONSES_MODE_DRYRUN, /* action's own stricter Mode still counts; kept over
                          */
  RESPONSES_MODE_OFF,    /* a restart */
  RESPONSES_MODE_CONFIGURED, /* as the configuration says again */
  RESPONSES_RELEASE,         /* undo now; engage again only after a calm */
  RESPONSES_CLEAR_LATCH,
  RESPONSES_DRILL,
};

/* Hands an order to a response's worker, or to all where response is NULL, and
 * writes it to the journal. who: for the journal. Any thread; never blocks.
 * Returns 0, or -ENOENT where there is no such response. */
int responses_command(struct responses *responses, const char *response,
                      enum responses_order order, const char *who,
                      struct error *error);

/* All responses as they are now, an array of
 *   {"name", "state", "since": epoch or null, "mode", "level", "when": [...],
 *    "next": plain words or null, "latched", "done", "failed", "held_back",
 *    "actions": [{"name", "state": "on", "off" or "unsure", "wanted", "mode",
 *                 "error": text or null, "drill": "ok", text or null}]}
 * Yours, json_decref(); NULL when memory is short. Any thread; holds a lock
 * only for copying. */
json_t *responses_snapshot(struct responses *responses);

/* Ends the workers, within 5 s whatever their targets do, and frees all.
 * What is engaged stays engaged and is kept in the state file. Returns false if
 * a thread hangs in a resolver and must be left behind: then the deps must
 * stay. Accepts NULL. */
bool responses_stop(struct responses *responses);

#endif

/* SPDX-License-Identifier: MIT */
/* simulator: the plugin's own table and response machines on a clock that the
 * caller turns: what would have been decided, with nothing done. */
#ifndef CTL_SIMULATE_SIMULATOR_H
#define CTL_SIMULATE_SIMULATOR_H

#include <stdint.h>

#include "core/error.h"
#include "core/metric.h"
#include "core/notification.h"
#include "resource_alert/event/announcement.h"
#include "resource_alert/options.h"
#include "resource_alert/responses/response.h"

struct rehearsal;

/* Who is told; each may be NULL. at_ms: since the epoch. Strings and pointers
 * are borrowed for the call. */
struct rehearsal_listener {
  void (*alert)(void *context, int64_t at_ms,
                const struct announcement *change);
  void (*response)(void *context, int64_t at_ms, size_t response,
                   enum response_state from, enum response_state to);
  void (*action)(void *context, int64_t at_ms, size_t response,
                 const char *action, bool is_on);
  void *context;
};

/* options: borrowed. start_ms: the clock at first. Every act succeeds at once.
 * *ret: yours, rehearsal_free(). Returns 0 or negative errno. */
int rehearsal_new(const struct resource_alert_options *options,
                  int64_t start_ms, const struct rehearsal_listener *listener,
                  struct rehearsal **ret, struct error *error);

/* Turns the clock to AT_MS, doing on the way what time alone brings about;
 * back is not possible. */
void rehearsal_advance(struct rehearsal *rehearsal, int64_t at_ms);

/* Judges a reading at the clock's time. */
void rehearsal_take(struct rehearsal *rehearsal, const struct reading *reading);

/* Hears a notification of another plugin at the clock's time. */
void rehearsal_hear(struct rehearsal *rehearsal,
                    const struct notification *notification);

/* The rules: those of <Threshold> blocks in their order, then those written for
 * the stock threshold plugin. The name is borrowed. */
size_t rehearsal_rules_len(const struct rehearsal *rehearsal);
const char *rehearsal_rule_name(const struct rehearsal *rehearsal, size_t rule);

/* Of the rule, or of the response at that place in the configuration. */
enum alert_state rehearsal_rule(const struct rehearsal *rehearsal, size_t rule);
enum response_state rehearsal_response(const struct rehearsal *rehearsal,
                                       size_t response);
/* The most series that a rule has had at a time. */
size_t rehearsal_rule_series(const struct rehearsal *rehearsal, size_t rule);

/* Accepts NULL. */
void rehearsal_free(struct rehearsal *rehearsal);

#endif

/* SPDX-License-Identifier: MIT */
/* simulator: runs the plugin's own rules and responses on a clock that the
 * caller sets; takes no action. */
#pragma once

#include <stdint.h>

#include "core/error.h"
#include "core/metric.h"
#include "core/notification.h"
#include "resource_alert/alerts/alert_event.h"
#include "resource_alert/options.h"
#include "resource_alert/responses/response.h"

struct simulator;

/* Called for each change; each function may be NULL. at_ms: since the epoch.
 * Strings and pointers are borrowed for the call. */
struct simulator_listener {
  void (*alert)(void *context, int64_t at_ms, const struct alert_event *event);
  void (*response)(void *context, int64_t at_ms, size_t response,
                   enum response_state from, enum response_state to);
  void (*action)(void *context, int64_t at_ms, size_t response,
                 const char *action, bool is_on);
  /* rule: of Unless, which keeps the response from its next step. */
  void (*forbidden)(void *context, int64_t at_ms, size_t response,
                    const char *rule);
  /* cause: why the server of the action's pool has no room for a replica. */
  void (*blocked)(void *context, int64_t at_ms, size_t response,
                  const char *action, const char *cause);
  void *context;
};

/* options: borrowed. start_ms: what the clock shows first. Every action
 * succeeds at once, but for steps that the server of its pool has no room for.
 * *ret: yours, simulator_free(). Returns 0 or negative errno. */
int simulator_new(const struct resource_alert_options *options,
                  int64_t start_ms, const struct simulator_listener *listener,
                  struct simulator **ret, struct error *error);

/* Sets the clock to AT_MS, and does what becomes due on the way; it never goes
 * back. */
void simulator_advance(struct simulator *simulator, int64_t at_ms);

/* Evaluates a reading at the clock's time. */
void simulator_take_reading(struct simulator *simulator,
                            const struct reading *reading);

/* Evaluates a notification of another plugin at the clock's time. */
void simulator_take_notification(struct simulator *simulator,
                                 const struct notification *notification);

/* The rules: the <Threshold> blocks in their order, then those written for the
 * stock threshold plugin. Borrowed. */
const struct rules *simulator_rules(const struct simulator *simulator);

/* The most series that a rule has had at once. */
size_t simulator_series_max(const struct simulator *simulator, size_t rule);

/* Of the response with that index in the configuration. */
enum response_state simulator_response_state(const struct simulator *simulator,
                                             size_t response);

/* Accepts NULL. */
void simulator_free(struct simulator *simulator);

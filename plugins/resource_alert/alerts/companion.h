/* SPDX-License-Identifier: MIT */
/* companion: the last value of a series that rules of other series look at. It
 * lies between the two, so that neither ever locks the other. */
#ifndef RESOURCE_ALERT_ALERTS_COMPANION_H
#define RESOURCE_ALERT_ALERTS_COMPANION_H

#include <stdint.h>

#include "core/metric.h"
#include "resource_alert/alerts/fingerprint.h"

struct companion;

/* All zero is none. Guarded by the caller's lock, as are take and drop. */
struct companions {
  void *tree;
};

/* The companion of a series' source: one for all who take it, those who look
 * and the series itself, whoever comes first. source: NULL: the first one.
 * companion_drop() once for each call. NULL when memory is short. */
struct companion *companions_take(struct companions *companions,
                                  struct fingerprint id, const char *source);

/* Accepts NULL. */
void companions_drop(struct companions *companions,
                     struct companion *companion);

/* Any thread, without a lock. now_ms: monotonic. */
void companion_put(struct companion *companion, double value, int64_t now_ms,
                   uint32_t interval_ms);

/* NaN once the value is older than two of its intervals. */
double companion_get(const struct companion *companion, int64_t now_ms);

#endif

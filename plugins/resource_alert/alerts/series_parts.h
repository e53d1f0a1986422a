/* SPDX-License-Identifier: MIT */
/* series_parts: what series.c and series_take.c share. All under the series'
 * lock. */
#ifndef RESOURCE_ALERT_ALERTS_SERIES_PARTS_H
#define RESOURCE_ALERT_ALERTS_SERIES_PARTS_H

#include "resource_alert/alerts/changes.h"
#include "resource_alert/alerts/series.h"

/* Sets within which a value is calm from now on; to be called whenever an alert
 * was touched. */
void series_find_calm(struct series *series);

/* The interval that a sender promises, within 1 ms and a day. */
uint32_t series_interval_ms(int64_t interval_ns);

/* Queues what is to be told of the watch. */
void watch_put_change(struct watch *watch, const struct alert_change *change,
                      int64_t now_ms, struct changes *changes);

/* The same: nothing changed, but it is told again. */
void watch_put_reminder(struct watch *watch, int64_t now_ms,
                        struct changes *changes);

bool watch_awaits_reminder(const struct watch *watch);

#endif

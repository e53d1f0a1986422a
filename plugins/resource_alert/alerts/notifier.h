/* SPDX-License-Identifier: MIT */
/* notifier: dispatches notifications on a thread of its own, since whoever
 * dispatches one waits for every notification plugin of the daemon. */
#ifndef RESOURCE_ALERT_ALERTS_NOTIFIER_H
#define RESOURCE_ALERT_ALERTS_NOTIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/notification.h"
#include "resource_alert/alerts/alert_event.h"
#include "resource_alert/alerts/change_queue.h"

/* Notifications that wait for a slow plugin; what comes on top is dropped. */
#define NOTIFIER_WAITING_MAX 1024

struct notifier;

/* Starts the thread. sink: copied; queue: woken after each, borrowed. Returns
 * 0 or negative errno. */
int notifier_new(const struct notification_sink *sink,
                 struct change_queue *queue, struct notifier **ret_notifier,
                 struct error *error);

/* Dispatches what waits, for at most 2 s, and lets the thread end. Returns
 * false if a notification plugin hangs: then the thread is left behind, the
 * notifier is never freed and whatever it was given must stay. */
bool notifier_drain(struct notifier *notifier);

/* After notifier_drain(). */
void notifier_free(struct notifier *notifier);

/* Queues a copy. Any thread, never blocks. */
void notifier_put(struct notifier *notifier, const struct alert_event *event);

/* The number of the oldest event that waits or is just being dispatched;
 * 0: none. */
uint64_t notifier_oldest(struct notifier *notifier);

/* How many wait for the thread. */
size_t notifier_waiting(struct notifier *notifier);

/* How many were dropped since the start. */
uint64_t notifier_dropped(struct notifier *notifier);

#endif

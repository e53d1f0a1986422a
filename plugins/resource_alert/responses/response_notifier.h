/* SPDX-License-Identifier: MIT */
/* response_notifier: sends the notifications of all responses on a thread of
 * its own: collectd's notification callbacks may hang, as a mail server does,
 * and no action waits for them. */
#pragma once

#include <stdbool.h>

#include "core/error.h"
#include "core/log.h"
#include "core/notification.h"

struct response_notifier;

/* log: borrowed. *ret: yours, response_notifier_stop(). Returns 0, -ENOMEM or
 * -EAGAIN (no thread). */
int response_notifier_new(const struct notification_sink *sink,
                          const struct log_sink *log,
                          struct response_notifier **ret, struct error *error);

/* Sends what is queued, for WAIT_MS at most; a callback that hangs longer is
 * left behind. Accepts NULL. */
void response_notifier_stop(struct response_notifier *notifier, int wait_ms);

/* Queues a notification of response NAME; copies the strings but STATE, a
 * literal. Dropped, and logged, when 256 others wait. Any thread; never waits.
 */
void response_notifier_put(struct response_notifier *notifier,
                           enum notification_severity severity,
                           const char *name, const char *message,
                           const char *state, double level);

/* SPDX-License-Identifier: MIT */
/* logbook: one <Log> at work: its files in, its values out. */
#ifndef SESSION_LOG_LOGBOOK_H
#define SESSION_LOG_LOGBOOK_H

#include <stdbool.h>

#include "core/error.h"
#include "core/log.h"
#include "core/metric.h"
#include "core/notification.h"
#include "session_log/follow/follower.h"
#include "session_log/options.h"

struct logbook; /* one owner: callers from several threads bring a lock */

/* Where a logbook speaks; borrowed. notifications: leaked sessions, exhausted
 * pools. */
struct logbook_sinks {
  const struct log_sink *report;
  const struct notification_sink *notifications;
};

/* Makes the book for OPTIONS (borrowed). Reads no log yet.
 * Returns 0; -EINVAL with the reason; -ENOMEM. */
int logbook_new(const struct log_options *options,
                const struct logbook_sinks *sinks, struct logbook **ret_logbook,
                struct error *error);
void logbook_free(struct logbook *logbook); /* accepts NULL */

/* Reads what is new. Troubles with files are reported, not returned.
 * Returns 0 or -ENOMEM. */
int logbook_poll(struct logbook *logbook, const struct moment *now);

/* Tells WATCHER, under the number LOG, which files matter now. */
void logbook_watch(const struct logbook *logbook, struct watcher *watcher,
                   size_t log);

/* Hands all values to the sink but those that logbook_publish_alarms() has. */
void logbook_publish(struct logbook *logbook, const struct sample_sink *sink);

/* Hands over the values that somebody waits for: leaked, unclosed after an
 * error, the error rate. Begins a new window for the peak of that rate. */
void logbook_publish_alarms(struct logbook *logbook, const struct moment *now,
                            const struct sample_sink *sink);

/* True if one of them has got worse since they were handed over. */
bool logbook_has_alarm(const struct logbook *logbook);

#endif

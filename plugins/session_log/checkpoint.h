/* SPDX-License-Identifier: MIT */
/* checkpoint: a log's offsets and counters in one file, over a restart. Written
 * together they are rolled back together: after a crash the same lines are read
 * again into the same counters, and each counts once. */
#ifndef SESSION_LOG_CHECKPOINT_H
#define SESSION_LOG_CHECKPOINT_H

#include "session_log/logbook.h"

/* Reads DIRECTORY/NAME.state into a book that has not polled yet, at a time
 * when nobody saves there: what killed daemons have left half written is
 * removed. A file that makes no sense is moved aside and said; the log is then
 * followed as for the first time. Returns 0 or -ENOMEM. */
int checkpoint_load(struct logbook *logbook, const char *directory,
                    const struct moment *now);

/* Writes it, if anything has changed; makes the directory if it is missing. A
 * failure is said, and tried again at the next call. */
void checkpoint_save(struct logbook *logbook, const char *directory,
                     const struct moment *now);

#endif

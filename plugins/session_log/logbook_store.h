/* SPDX-License-Identifier: MIT */
/* logbook_store: all that a log must know after a restart, as one record. */
#ifndef SESSION_LOG_LOGBOOK_STORE_H
#define SESSION_LOG_LOGBOOK_STORE_H

#include "session_log/logbook.h"
#include "session_log/record.h"

/* The record ends with a checksum of what is before it. */
void logbook_save(const struct logbook *logbook, int64_t now_ms,
                  struct record_writer *writer);

/* Fills a book that has not polled yet. Returns 0; -EINVAL for a record that
 * makes no sense, and the book is as new; -ENOMEM. */
int logbook_load(struct logbook *logbook, int64_t now_ms, const char *data,
                 size_t bytes);

#endif

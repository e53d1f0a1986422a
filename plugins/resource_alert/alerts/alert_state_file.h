/* SPDX-License-Identifier: MIT */
/* alert_state_file: alert states and undelivered events, kept over a restart
 * and over kill -9, one JSON object a line.
 *
 * An event is appended before it is delivered, a mark behind it once it was. An
 * event without its mark is delivered after the restart: twice only if the kill
 * fell between the delivery and the mark. */
#ifndef RESOURCE_ALERT_ALERTS_ALERT_STATE_FILE_H
#define RESOURCE_ALERT_ALERTS_ALERT_STATE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "core/metric.h"
#include "resource_alert/alerts/alert_event.h"
#include "resource_alert/alerts/alert_state_line.h"
#include "resource_alert/alerts/series_table.h"

struct alert_state_file;

/* The daemon's types by name. Returns 0 or -ENOENT. */
typedef int alert_find_type(const char *name, struct reading_type *ret_type,
                            size_t *ret_sources);

/* directory: made if it is not there. log: borrowed. Returns 0 or -ENOMEM. */
int alert_state_file_new(const char *directory, const struct log_sink *log,
                         struct alert_state_file **ret_file);

/* Closes without writing. Accepts NULL. */
void alert_state_file_free(struct alert_state_file *file);

/* Where saved alerts go. now_ms: monotonic; wall_ms: since the epoch. */
struct alert_restore {
  struct series_table *table;
  alert_find_type *find_type;
  int64_t now_ms, wall_ms;
  /* Receives each event that was not delivered to all, oldest first. */
  void (*take_undelivered)(void *context, const struct alert_event *event);
  void *context;
};

/* Restores every alert of the file whose rule still watches its series. No
 * state changes by that; a series that does not come back goes MISSING as if it
 * had stopped now. A last line without its end, which a kill leaves behind, is
 * skipped. A file that cannot be read, is of a newer version or belongs to
 * another user is moved to alerts.jsonl.bad and logged, and nothing is
 * restored. */
void alert_state_file_restore(struct alert_state_file *file,
                              const struct alert_restore *restore);

/* Appends EVENT and gives it the next number; it is held in memory until both
 * marks reach that. A failure is logged once and made up for by the next
 * rewrite. One thread at a time, as below. */
void alert_state_file_append(struct alert_state_file *file,
                             struct alert_event *event, int64_t now_ms);

/* The number of the last event. */
uint64_t alert_state_file_last_number(const struct alert_state_file *file);

/* The marks as they stand in the file. */
struct delivery_marks
alert_state_file_marks(const struct alert_state_file *file);

/* Raises the marks; writes only what is new. */
void alert_state_file_mark(struct alert_state_file *file,
                           const struct delivery_marks *marks, int64_t now_ms);

/* Replaces the file, as a whole or not at all, by the states of TABLE and the
 * undelivered events. */
void alert_state_file_rewrite(struct alert_state_file *file,
                              struct series_table *table, int64_t now_ms,
                              int64_t wall_ms);

/* True if the file should be rewritten now: it has more than twice the lines of
 * the last rewrite, at most every 10 s, or something could not be written: then
 * as soon as a rewrite that fails would cost little. */
bool alert_state_file_wants_rewrite(const struct alert_state_file *file,
                                    int64_t now_ms);

#endif

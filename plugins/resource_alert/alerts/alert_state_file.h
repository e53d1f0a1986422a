/* SPDX-License-Identifier: MIT */
/* alert_state_file: alert states and undelivered events, kept over a restart
 * and over kill -9 in StateDir/alerts.jsonl (core/append_log.h).
 *
 * An event is appended before it is delivered, a mark behind it once it was. An
 * event without its mark is delivered after the restart: twice only if the kill
 * fell between the delivery and the mark. One thread at a time may use the
 * file. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "core/metric.h"
#include "resource_alert/alerts/alert_event.h"
#include "resource_alert/alerts/removed_alerts.h"
#include "resource_alert/alerts/series_table.h"

struct alert_state_file;

/* The numbers of the last events that were notified and journaled; all before
 * them were, too. */
struct delivery_marks {
  uint64_t notified;
  uint64_t journaled;
};

/* The daemon's types by name. Returns 0 or -ENOENT. */
typedef int alert_find_type(const char *name, struct reading_type *ret_type,
                            size_t *ret_sources);

/* What saved alerts are restored with. */
struct alert_restore {
  struct series_table *table;
  alert_find_type *find_type;
  int64_t now_ms;               /* monotonic */
  int64_t wall_ms;              /* since the epoch */
  struct removed_list *removed; /* alerts that no rule watches are added */
};

/* Restores every alert of the file whose rule still watches its series. No
 * state changes by that; a series that does not come back goes MISSING as if it
 * had stopped now. directory, log: copied. restore: borrowed for the call.
 * *ret_file: yours, alert_state_file_close(). Returns 0 or negative errno (no
 * memory, no thread). */
int alert_state_file_open(const char *directory, const struct log_sink *log,
                          const struct alert_restore *restore,
                          struct alert_state_file **ret_file,
                          struct error *error);

/* As append_log_is_saving(). Any thread. */
bool alert_state_file_is_saving(const struct alert_state_file *file);

/* Waits for the disk for at most 1 s. Accepts NULL. */
void alert_state_file_close(struct alert_state_file *file);

/* Hands the events that were not delivered to all before the restart to TAKE,
 * oldest first, each once. */
void alert_state_file_redeliver(struct alert_state_file *file,
                                void (*take)(void *context,
                                             const struct alert_event *event),
                                void *context);

/* Appends EVENT and gives it the next number; it is held in memory until both
 * marks reach that. */
void alert_state_file_append_event(struct alert_state_file *file,
                                   struct alert_event *event);

/* The number of the last event. */
uint64_t alert_state_file_last_number(const struct alert_state_file *file);

/* The marks as they stand in the file. */
struct delivery_marks
alert_state_file_marks(const struct alert_state_file *file);

/* Raises the marks; writes only what is new. */
void alert_state_file_mark_delivered(struct alert_state_file *file,
                                     const struct delivery_marks *marks);

/* Rewrites the file if it has grown or this is the last time: the states of
 * TABLE and the undelivered events. */
void alert_state_file_rewrite_if_grown(struct alert_state_file *file,
                                       struct series_table *table, bool is_last,
                                       int64_t now_ms, int64_t wall_ms);

/* ---- one line, for tests ---- */

/* Yours; NULL when memory is short. */
json_t *alert_state_file_event_to_json(const struct alert_event *event);

/* What a line may hold. */
struct alert_state_line {
  bool is_marks; /* then only the marks count */
  struct delivery_marks marks;
  const char *rule; /* its name; borrowed from the line */
  struct alert_event event;
};

/* Returns 0 or -EINVAL. */
int alert_state_file_parse_line(const json_t *object,
                                struct alert_state_line *ret);

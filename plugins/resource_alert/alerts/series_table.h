/* SPDX-License-Identifier: MIT */
/* series_table: all series that were seen, found by their names. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/metric.h"
#include "core/notification.h"
#include "resource_alert/alerts/change_queue.h"
#include "resource_alert/alerts/series.h"
#include "resource_alert/rules/rule.h"

struct series_table;

struct series_table_counts {
  uint64_t series;   /* seen, watched or not */
  uint64_t watched;  /* by some rule */
  uint64_t rejected; /* readings of series beyond a limit, or without memory */
};

struct series_table_work {
  uint64_t evaluated;  /* values, watched or not */
  int64_t duration_ns; /* of the evaluation of one value; 0: not known yet */
};

struct series_table_limits {
  uint64_t series_max; /* seen, watched or not */
  const char *host;    /* this machine: a quarter is its own, and each other
                          host gets at most a quarter; NULL: all are */
  double missing_intervals; /* without a reading: the series stopped */
  int64_t forget_ms;        /* without a reading: it is removed */
};

/* rules, queue: borrowed for as long as the table lives. Returns 0 or
 * -ENOMEM. */
int series_table_new(const struct rules *rules,
                     const struct series_table_limits *limits,
                     struct change_queue *queue,
                     struct series_table **ret_table);

/* No other thread may use the table. Accepts NULL. */
void series_table_free(struct series_table *table);

/* Evaluates one reading. Any thread; takes the lock of one shard, and memory
 * for a new series only. */
void series_table_take_reading(struct series_table *table,
                               const struct reading *reading);

/* Evaluates a notification by the rules that match it. Any thread. wall_ms:
 * now, since the epoch. */
void series_table_take_notification(struct series_table *table,
                                    const struct notification *notification,
                                    int64_t wall_ms);

/* To be called every 250 ms by one thread. Once a second it finds the series
 * that stopped and those whose reminder is due, and removes some of those to be
 * forgotten: all of them within 16 seconds. A table that is nearly full also
 * forgets series that stopped, and were silent for longer than seen. After each
 * call the evaluation of the next value is timed. */
void series_table_advance_time(struct series_table *table, int64_t now_ms,
                               int64_t wall_ms);

/* The series of READING, made if need be and locked (series_unlock); NULL if no
 * rule watches it. For states from before a restart. */
struct series *series_table_lock_or_add(struct series_table *table,
                                        const struct reading *reading);

/* The same for notifications with these names and the rule of that name; NULL
 * if there is no such <Notification>. */
struct series *
series_table_lock_or_add_notified(struct series_table *table, const char *rule,
                                  const struct reading_names *names);

/* Where a walk over the table is; all zero at its beginning. */
struct series_cursor {
  size_t shard;
  size_t left; /* series of the shard that are still to come */
  bool is_inside;
};

/* The next watched series, locked (series_unlock); NULL at the end. No lock is
 * held in between. A series that comes or goes meanwhile may or may not be
 * met; one that stays is met, twice in rare cases. Any thread. */
struct series *series_table_lock_next(struct series_table *table,
                                      struct series_cursor *cursor);

void series_table_get_counts(struct series_table *table,
                             struct series_table_counts *ret_counts);

void series_table_get_work(struct series_table *table,
                           struct series_table_work *ret_work);

/* series_forget() for a series of the table, under its lock. */
void series_table_forget_locked(struct series_table *table,
                                struct series *series, int64_t now_ms,
                                int64_t wall_ms);

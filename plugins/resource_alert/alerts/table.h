/* SPDX-License-Identifier: MIT */
/* table: all series that were seen, each bound to the rules that watch it. */
#ifndef RESOURCE_ALERT_ALERTS_TABLE_H
#define RESOURCE_ALERT_ALERTS_TABLE_H

#include <stdint.h>

#include "core/error.h"
#include "core/metric.h"
#include "core/notification.h"
#include "resource_alert/alerts/changes.h"
#include "resource_alert/alerts/series.h"
#include "resource_alert/rules/rule.h"

struct table;

struct table_counts {
  uint64_t series;  /* seen, watched or not */
  uint64_t watched; /* by some rule */
  uint64_t refused; /* readings of series beyond the bound, or without memory */
};

struct table_work {
  uint64_t taken;    /* values, watched or not */
  int64_t timing_ns; /* what one took; 0: not known yet */
};

struct table_limits {
  uint64_t series_max;      /* seen, watched or not */
  double missing_intervals; /* without a reading: the series stopped */
  int64_t forget_ms;        /* without a reading: it is gone for good */
};

/* rules, changes: borrowed for as long as the table lives. Returns 0 or
 * negative errno. */
int table_new(const struct rules *rules, const struct table_limits *limits,
              struct changes *changes, struct table **ret_table);

/* No other thread may be in the table. Accepts NULL. */
void table_free(struct table *table);

/* Judges one reading. Any thread; once a series was seen no lock is shared with
 * another one and no memory is taken, and a value that changes nothing takes no
 * lock at all. */
void table_take(struct table *table, const struct reading *reading);

/* Hands a notification to the rules that want it. Any thread. wall_ms: now,
 * since the epoch. */
void table_hear(struct table *table, const struct notification *notification,
                int64_t wall_ms);

/* Lets time pass: to be called every 250 ms by one thread. Once a second it
 * looks at what stopped, what wants a reminder and what is gone for good. Each
 * time one value that comes next is timed. */
void table_tick(struct table *table, int64_t now_ms, int64_t wall_ms);

/* The series of READING, which stands for a value of before a restart, bound
 * and locked (series_unlock); NULL if no rule watches it. */
struct series *table_lock_restored(struct table *table,
                                   const struct reading *reading);

/* The same for notifications of these names to the rule of that name; NULL if
 * it is no such rule. */
struct series *table_lock_heard(struct table *table, const char *rule,
                                const struct reading_names *names);

/* The next watched series from *cursor on (0 at first), locked
 * (series_unlock); NULL once there is none. One that comes or goes meanwhile
 * may or may not be met. Any thread. */
struct series *table_lock_next(struct table *table, size_t *cursor);

void table_get_counts(struct table *table, struct table_counts *ret);

/* Adds up over all series: for those who ask now and then. */
void table_get_work(struct table *table, struct table_work *ret);

#endif

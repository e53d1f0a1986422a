/* SPDX-License-Identifier: MIT */
/* series_index: fingerprint -> series, read without a lock by every value,
 * changed under a lock by the few that are new. */
#ifndef RESOURCE_ALERT_ALERTS_SERIES_INDEX_H
#define RESOURCE_ALERT_ALERTS_SERIES_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "resource_alert/alerts/fingerprint.h"
#include "resource_alert/alerts/series.h"

#define SERIES_INDEX_MAX (((size_t)1 << 24) - 1) /* series */

struct series_index_table;

/* All zero is no index. */
struct series_index {
  _Atomic(struct series_index_table *) table;
  struct series *series; /* the array that the entries are numbers in */
  size_t used;           /* guarded by the caller's lock, as is every change */
};

/* series: borrowed, at most SERIES_INDEX_MAX are used. Returns 0 or -ENOMEM. */
int series_index_init(struct series_index *index, struct series *series);
void series_index_fini(struct series_index *index);

/* The series of that fingerprint or NULL. Any thread, without a lock. NULL may
 * be said of a series that is being moved just now: ask again under the
 * lock. */
struct series *series_index_find(const struct series_index *index,
                                 struct fingerprint id);

/* Adds a series that is bound and not there yet. Under the lock. Returns 0 or
 * -ENOMEM. */
int series_index_add(struct series_index *index, struct series *series);

/* Takes a series out. Under the lock. */
void series_index_remove(struct series_index *index,
                         const struct series *series);

#endif

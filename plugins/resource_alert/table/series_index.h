/* SPDX-License-Identifier: MIT */
/* series_index: fingerprint -> series, read without a lock by every value,
 * changed under a lock by the few that are new. */
#ifndef RESOURCE_ALERT_TABLE_SERIES_INDEX_H
#define RESOURCE_ALERT_TABLE_SERIES_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resource_alert/table/fingerprint.h"
#include "resource_alert/table/series.h"

struct series_index_table;

/* All zero is no index. */
struct series_index {
  _Atomic(struct series_index_table *) table;
  size_t used; /* guarded by the caller's lock, as is every change */
};

/* Returns 0 or -ENOMEM. */
int series_index_init(struct series_index *index);
void series_index_fini(struct series_index *index);

/* What series_index_find() gives for a series that no row watches. */
extern struct series *const series_index_nobody;

/* The series of that fingerprint, series_index_nobody, or NULL. Any thread,
 * without a lock. NULL may be said of a series that is being moved just now:
 * ask again under the lock. A series may be recycled before the caller has
 * locked it: compare its id. */
struct series *series_index_find(const struct series_index *index,
                                 struct fingerprint id);

/* Adds what is not there yet. Under the lock. Returns 0 or -ENOMEM. */
int series_index_add(struct series_index *index, struct fingerprint id,
                     struct series *series);

/* Takes an entry out. Under the lock. */
void series_index_remove(struct series_index *index, struct fingerprint id);

/* Takes out those watched by nobody that were not asked for since the last
 * call. Under the lock. */
void series_index_forget_nobodies(struct series_index *index);

#endif

/* SPDX-License-Identifier: MIT */
/* table_parts: what table.c, table_sight.c and table_hear.c share. */
#ifndef RESOURCE_ALERT_ALERTS_TABLE_PARTS_H
#define RESOURCE_ALERT_ALERTS_TABLE_PARTS_H

#include <pthread.h>

#include "resource_alert/alerts/series_index.h"
#include "resource_alert/alerts/series_places.h"
#include "resource_alert/alerts/table.h"

struct table {
  const struct rules *rules;
  struct changes *changes;
  struct table_limits limits;
  struct series_places places;
  struct series_index index;
  _Atomic int64_t now_ms;
  _Atomic bool wants_timing; /* of the next value that comes */
  _Atomic int64_t timing_ns; /* what it took; 0: none yet */
  _Atomic uint64_t refused;

  pthread_mutex_t lock; /* for a first sight: guards all below */
  struct series_store store;
  struct series_types types;
  struct series_types heard_types; /* of notifications */
  struct rule **matched;           /* for rules_match() */
  uint64_t taken_before;           /* values of series that are no more */
  _Atomic uint64_t series_len;
  _Atomic uint64_t watched_len;

  int64_t walked_ms; /* the ticking thread's */
};

/* Something came of a series. Borrowed for the call. */
struct sighting {
  const struct reading *reading;
  struct fingerprint id;
  struct rule *rule; /* the <Notification> that hears of it; NULL: a value */
};

/* SERIES (NULL: not found) or what is in its place now, made at first sight,
 * locked (series_unlock). NULL if it was refused, and counted. */
struct series *table_lock_series(struct table *table,
                                 const struct sighting *sighting,
                                 struct series *series);

/* Gives back the memory of a series that is not in the index any more. Under
 * the table's lock. */
void table_give_back(struct table *table, struct series *series);

#endif

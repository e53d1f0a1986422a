/* SPDX-License-Identifier: MIT */
/* series_places: one array for all series of a table. It never moves, so that a
 * series can be used by whoever found it without a lock. */
#ifndef RESOURCE_ALERT_ALERTS_SERIES_PLACES_H
#define RESOURCE_ALERT_ALERTS_SERIES_PLACES_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "resource_alert/alerts/series.h"

/* Before a place is used anew: a thread that had just found the series of
 * before would have to stand still for so long between two instructions to
 * mistake it. */
#define SERIES_PLACES_REST_MS 60000

/* Guarded by the owner's lock, but for reading series[0 ... used - 1]. */
struct series_places {
  struct series *series;
  size_t len;
  _Atomic size_t used; /* places that were ever used */
  struct series_rest { /* a ring of len */
    int64_t since_ms;
    uint32_t number; /* of the place */
  } * resting;
  size_t resting_first, resting_len;
};

/* Room for series_max of them, and for some that rest. Returns 0 or -ENOMEM;
 * series_places_fini() also after a failure. */
int series_places_init(struct series_places *places, size_t series_max);
void series_places_fini(struct series_places *places);

/* An unused place; NULL: none has rested long enough. now_ms: monotonic. */
struct series *series_places_take(struct series_places *places, int64_t now_ms);

/* It is unused from now on. */
void series_places_give_back(struct series_places *places,
                             const struct series *series, int64_t now_ms);

#endif

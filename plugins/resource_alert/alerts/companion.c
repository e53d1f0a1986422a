/* SPDX-License-Identifier: MIT */
/* companion: the last value of a series that rules of other series look at. */
#include "resource_alert/alerts/companion.h"

#include <math.h>
#include <search.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLACK_MS 500 /* two readings of a clock that lags by 250 ms */

struct companion {
  struct fingerprint id;
  char source[READING_NAME_BYTES]; /* "": the first */
  size_t takers;
  _Atomic double value;
  _Atomic int64_t seen_ms;
  _Atomic uint32_t interval_ms; /* 0: no value yet */
};

static int compare(const void *left, const void *right) {
  const struct companion *a = left;
  const struct companion *b = right;
  if (a->id.low != b->id.low) {
    return a->id.low < b->id.low ? -1 : 1;
  }
  if (a->id.high != b->id.high) {
    return a->id.high < b->id.high ? -1 : 1;
  }
  return strcmp(a->source, b->source);
}

struct companion *companions_take(struct companions *companions,
                                  struct fingerprint id, const char *source) {
  struct companion *wanted = calloc(1, sizeof(*wanted));
  if (wanted == NULL) {
    return NULL;
  }
  wanted->id = id;
  (void)snprintf(wanted->source, sizeof(wanted->source), "%s",
                 source == NULL ? "" : source);
  struct companion **found = tsearch(wanted, &companions->tree, compare);
  struct companion *companion = found == NULL ? NULL : *found;
  if (companion != wanted) {
    free(wanted);
  }
  if (companion != NULL) {
    companion->takers++;
  }
  return companion;
}

void companions_drop(struct companions *companions,
                     struct companion *companion) {
  if (companion != NULL && --companion->takers == 0) {
    (void)tdelete(companion, &companions->tree, compare);
    free(companion);
  }
}

void companion_put(struct companion *companion, double value, int64_t now_ms,
                   uint32_t interval_ms) {
  atomic_store_explicit(&companion->value, value, memory_order_relaxed);
  atomic_store_explicit(&companion->seen_ms, now_ms, memory_order_relaxed);
  atomic_store_explicit(&companion->interval_ms, interval_ms,
                        memory_order_relaxed);
}

double companion_get(const struct companion *companion, int64_t now_ms) {
  int64_t age_ms =
      now_ms - atomic_load_explicit(&companion->seen_ms, memory_order_relaxed);
  int64_t interval_ms =
      atomic_load_explicit(&companion->interval_ms, memory_order_relaxed);
  bool is_fresh = interval_ms > 0 && age_ms <= 2 * interval_ms + SLACK_MS;
  return is_fresh
             ? atomic_load_explicit(&companion->value, memory_order_relaxed)
             : (double)NAN;
}

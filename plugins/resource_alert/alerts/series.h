/* SPDX-License-Identifier: MIT */
/* series: one value list's identity and its last value, in one cache line; what
 * the rules that watch it think of it stands behind, in its body.
 *
 * Nearly every value is calm: all alerts of the series are OKAY, nothing is
 * pending, and the value lies within every limit. It can change nothing. So
 * such a value is only left here, without a lock and without a look at any
 * rule; whoever locks the series finds it taken into account (settled). */
#ifndef RESOURCE_ALERT_ALERTS_SERIES_H
#define RESOURCE_ALERT_ALERTS_SERIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/metric.h"
#include "resource_alert/alerts/alert.h"
#include "resource_alert/alerts/fingerprint.h"
#include "resource_alert/alerts/series_body.h"

struct changes;

/* Never freed while values come in, but recycled: after a rest, so that a
 * thread that was about to leave a value here is gone long since.
 *
 * Two threads with values of one and the same series at the same moment may
 * leave the time of one and the value of the other: both are calm. */
struct series {
  _Alignas(64) _Atomic uint64_t id_low; /* of the fingerprint */
  _Atomic uint32_t id_high;             /* 0: recycled */
  _Atomic uint32_t interval_ms;
  _Atomic(struct series_body *) body; /* NULL: no rule watches it */
  _Atomic int64_t time_ns;            /* of the newest value; 0: none yet */
  _Atomic int64_t seen_ms; /* monotonic: when the newest reading came */
  _Atomic double value;    /* the newest calm one */
  _Atomic float calm_min;  /* within these a value is calm; the limits, */
  _Atomic float calm_max;  /* rounded inwards */
  _Atomic uint32_t taken;  /* values, for statistics */
  atomic_flag lock;        /* guards the body; no I/O under it */
  _Atomic uint8_t source;  /* which of its values is looked at */
  _Atomic bool
      has_reminder; /* some alert is bad and its rule has RepeatInterval */
};

_Static_assert(sizeof(struct series) == 64, "one cache line");

#define series_load(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define series_store(field, value)                                             \
  atomic_store_explicit(&(field), value, memory_order_relaxed)

/* Once it is so, all that series_bind() wrote is seen. */
static inline bool series_is(const struct series *series,
                             struct fingerprint id) {
  return atomic_load_explicit(&series->id_high, memory_order_acquire) ==
             fingerprint_high(id) &&
         series_load(series->id_low) == id.low;
}

/* Takes READING if it is calm. Returns false if the series must be locked and
 * series_take() must look at it. Any thread. now_ms: see there. */
static inline bool series_take_calmly(struct series *series,
                                      const struct reading *reading,
                                      int64_t now_ms) {
  double value;
  memcpy(&value,
         (const char *)reading->values +
             series_load(series->source) * sizeof(value),
         sizeof(value));
  int64_t elapsed_ns = reading->time_ns - series_load(series->time_ns);
  bool is_calm = value >= (double)series_load(series->calm_min) &&
                 value <= (double)series_load(series->calm_max);
  bool is_next = elapsed_ns > 0 && elapsed_ns <= 2 * reading->interval_ns &&
                 reading->interval_ns / 1000000 ==
                     (int64_t)series_load(series->interval_ms);
  if (!is_calm || !is_next) {
    return false;
  }
  series_store(series->time_ns, reading->time_ns);
  series_store(series->value, value);
  series_store(series->seen_ms, now_ms);
  series_store(series->taken, series_load(series->taken) + 1);
  return true;
}

/* Locks and settles. */
void series_lock(struct series *series);
void series_unlock(struct series *series);

/* Makes an unused series the one of ID, seen now. body: taken; NULL: no rule
 * watches it. Under the lock. */
void series_bind(struct series *series, struct fingerprint id,
                 struct series_body *body, int64_t interval_ns, int64_t now_ms);

/* Makes it unused again. Returns its body: yours. Under the lock. */
struct series_body *series_unbind(struct series *series);

/* True if a change of one of its alerts was not announced yet. Under the
 * lock. */
bool series_is_queued(const struct series *series);

/* Judges a reading; changes go to CHANGES. Under the series' lock.
 * now_ms: monotonic, may lag by 250 ms. A reading that is not newer than the
 * last one is ignored, unless the clock that stamps them was set back. */
void series_take(struct series *series, const struct reading *reading,
                 int64_t now_ms, struct changes *changes);

/* True if series_tick() would have something to do. Needs no lock.
 * missing_intervals: how many without a reading mean that it stopped. */
bool series_needs_tick(const struct series *series, int64_t now_ms,
                       double missing_intervals);

/* Sees whether the series stopped or a reminder is due. Under the series'
 * lock. */
void series_tick(struct series *series, int64_t now_ms, int64_t wall_ms,
                 double missing_intervals, struct changes *changes);

/* Takes up the alert of ROW_NAME on SOURCE_NAME as it was before a restart.
 * Under the series' lock. Returns where, or NULL if there is no such alert (any
 * more). */
struct watch *series_restore(struct series *series, const char *rule_name,
                             const char *source_name, const struct alert *alert,
                             int64_t notified_ms);

#endif

/* SPDX-License-Identifier: MIT */
/* series: one value list's identity, and what every row that watches it thinks
 * of it. Two cache lines that every value touches, the rest behind them. */
#ifndef RESOURCE_ALERT_TABLE_SERIES_H
#define RESOURCE_ALERT_TABLE_SERIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/reading.h"
#include "resource_alert/table/alert.h"
#include "resource_alert/table/fingerprint.h"
#include "resource_alert/table/series_body.h"

struct changes;

/* The struct is recycled, never freed while values come in: whoever found it
 * without a lock takes its lock and compares the fingerprint again. */
struct series {
  atomic_flag lock; /* guards all that is not atomic; no I/O under it */
  _Atomic bool has_reminder; /* some alert is bad and its row has Repeat */
  uint16_t watches_len;
  _Atomic uint32_t interval_ms;
  uint64_t id_high;                 /* of the fingerprint; 0: recycled */
  struct watch *watches;            /* the body's */
  const struct series_type *levels; /* NULL: some value must be computed */
  struct series_body *body;         /* NULL: recycled */
  int64_t time_ns;                  /* of the newest reading; 0: none yet */
  int64_t clock_ms;                 /* see struct alert_time */
  _Atomic int64_t seen_ms; /* monotonic: when the newest reading came */
  struct watch own; /* the body's watch, if one row watches: it lies beside, so
                       that both are fetched at once */
};

_Static_assert(offsetof(struct series, own) == 64, "one cache line");

/* True if a change of one of its alerts was not announced yet. Under the
 * lock. */
bool series_is_queued(const struct series *series);

void series_lock(struct series *series);
void series_unlock(struct series *series);

/* Makes an unused series the one of BODY (taken), seen now. Under the lock. */
void series_bind(struct series *series, struct series_body *body,
                 int64_t interval_ns, int64_t now_ms);

/* Makes it unused again. Returns its body: yours. Under the lock. */
struct series_body *series_unbind(struct series *series);

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
 * Under the series' lock. Returns false if there is no such alert (any more).
 */
bool series_restore(struct series *series, const char *row_name,
                    const char *source_name, const struct alert *alert,
                    int64_t told_ms);

#endif

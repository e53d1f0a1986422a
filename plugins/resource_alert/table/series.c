/* SPDX-License-Identifier: MIT */
/* series: one value list's identity, and what every row that watches it thinks
 * of it. */
#include "resource_alert/table/series.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/table/changes.h"
#include "resource_alert/table/rate.h"

#define NS_PER_MS INT64_C(1000000)
#define INTERVAL_MAX_NS (INT64_C(86400000) * NS_PER_MS) /* a day */
#define SPINS 64     /* about a microsecond, several times what is held */
#define SLACK_PART 8 /* of an interval: how much readings may jitter */
#define SLACK_MAX_MS 1000

/* Two writers meet here only over one and the same series. */
void series_lock(struct series *series) {
  for (unsigned spins = 1;
       atomic_flag_test_and_set_explicit(&series->lock, memory_order_acquire);
       spins++) {
    if (spins % SPINS == 0) {
      (void)sched_yield();
    }
  }
}

void series_unlock(struct series *series) {
  atomic_flag_clear_explicit(&series->lock, memory_order_release);
}

static int64_t bounded_interval(int64_t interval_ns) {
  if (interval_ns < NS_PER_MS) {
    return NS_PER_MS;
  }
  return interval_ns < INTERVAL_MAX_NS ? interval_ns : INTERVAL_MAX_NS;
}

bool series_is_queued(const struct series *series) {
  for (size_t i = 0; i < series->body->watches_len; i++) {
    if (series->body->watches[i].is_queued) {
      return true;
    }
  }
  return false;
}

void series_bind(struct series *series, struct series_body *body,
                 int64_t interval_ns, int64_t now_ms) {
  series->id_high = body->id.high | 1;
  series->body = body;
  if (body->watches_len == 1) {
    series->own = *body->watches;
    free(body->watches);
    body->watches = &series->own;
    body->is_watch_lent = true;
  }
  series->watches = body->watches;
  series->watches_len = (uint16_t)body->watches_len;
  series->levels =
      body->type->is_all_gauges && !body->has_percentage ? body->type : NULL;
  series->time_ns = 0;
  series->clock_ms = 0;
  for (size_t i = 0; i < body->watches_len; i++) {
    body->watches[i].series = series;
  }
  atomic_store(&series->has_reminder, false);
  atomic_store(&series->interval_ms,
               (uint32_t)(bounded_interval(interval_ns) / NS_PER_MS));
  atomic_store(&series->seen_ms, now_ms);
}

struct series_body *series_unbind(struct series *series) {
  struct series_body *body = series->body;
  series->body = NULL;
  series->id_high = 0;
  series->watches_len = 0;
  atomic_store(&series->has_reminder, false);
  atomic_store(&series->seen_ms, INT64_MAX);
  return body;
}

/* ---- a change ---- */

static bool awaits_reminder(const struct watch *watch) {
  return watch->row->rule.repeat_ms > 0 && watch->alert.state >= ALERT_WARNING;
}

static void put_change(struct watch *watch, const struct alert_change *change,
                       int64_t now_ms, struct changes *changes) {
  if (change->from != change->to) {
    atomic_fetch_sub(&watch->row->counts[change->from], 1);
    atomic_fetch_add(&watch->row->counts[change->to], 1);
  }
  watch->change_value = change->value;
  watch->change_limit = change->limit;
  watch->change_held_s = (uint32_t)((change->held_ms + 500) / 1000);
  watch->cause = (uint8_t)change->cause;
  watch->is_limit_max = change->is_limit_max;
  watch->is_loud = change->is_loud;
  watch->told_ms = now_ms;
  if (awaits_reminder(watch)) {
    atomic_store_explicit(&watch->series->has_reminder, true,
                          memory_order_relaxed);
  }
  changes_put(changes, watch);
}

/* Nothing changed, but it is told again. */
static struct alert_change reminder_of(const struct watch *watch,
                                       int64_t now_ms) {
  return (struct alert_change){
      .from = (enum alert_state)watch->alert.state,
      .to = (enum alert_state)watch->alert.state,
      .cause = ALERT_CAUSE_REMINDER,
      .value = watch->alert.value,
      .limit = watch->change_limit,
      .held_ms = watch->change_held_s * INT64_C(1000) + now_ms - watch->told_ms,
      .is_limit_max = watch->is_limit_max,
      .is_loud = true,
  };
}

/* ---- a reading ---- */

/* Moves the series' clocks on to READING. Returns false if it is not newer
 * than what was seen. *ret_elapsed_ns: since the last one, 0 if there is none.
 *
 * Stamps are trusted as far as our own clock bears them out. A stamp from
 * before the last one is stale, unless a whole interval has passed here since
 * then: the sender's clock was set back. One from far ahead while hardly any
 * time has passed here: it was set on, or the machine slept. Either way the
 * reading counts as one interval after the last one. */
static bool advance(struct series *series, const struct reading *reading,
                    int64_t now_ms, struct alert_time *ret_time,
                    int64_t *ret_elapsed_ns) {
  int64_t interval_ns = bounded_interval(reading->interval_ns);
  int64_t elapsed_ns = reading->time_ns - series->time_ns;
  bool is_first = series->time_ns == 0;
  if (!is_first && (elapsed_ns <= 0 || elapsed_ns > 2 * interval_ns)) {
    int64_t here_ns = (now_ms - atomic_load_explicit(&series->seen_ms,
                                                     memory_order_relaxed)) *
                      NS_PER_MS;
    if (elapsed_ns <= 0) {
      if (here_ns < interval_ns / 4 * 3) {
        return false;
      }
      elapsed_ns = interval_ns;
    } else if (here_ns < elapsed_ns / 2) {
      elapsed_ns = interval_ns;
    }
  }
  int64_t interval_ms = interval_ns / NS_PER_MS;
  atomic_store_explicit(&series->interval_ms, (uint32_t)interval_ms,
                        memory_order_relaxed);
  series->clock_ms += is_first ? 0 : elapsed_ns / NS_PER_MS;
  series->time_ns = reading->time_ns;
  int64_t slack_ms = interval_ms / SLACK_PART;
  ret_time->series_ms = series->clock_ms;
  ret_time->slack_ms = slack_ms < SLACK_MAX_MS ? slack_ms : SLACK_MAX_MS;
  ret_time->gap_ms = 5 * interval_ms / 2;
  ret_time->wall_ms = reading->time_ns / NS_PER_MS;
  *ret_elapsed_ns = is_first ? 0 : elapsed_ns;
  return true;
}

static uint64_t raw_value(const struct reading *reading, size_t source) {
  uint64_t raw;
  memcpy(&raw, (const char *)reading->values + source * sizeof(raw),
         sizeof(raw));
  return raw;
}

static double sum_of(const double *values, size_t len) {
  double sum = 0;
  for (size_t i = 0; i < len; i++) {
    sum += isnan(values[i]) ? 0 : values[i];
  }
  return sum;
}

/* For rows that want every reading told. */
static void persist(struct watch *watch, int64_t now_ms,
                    struct changes *changes) {
  const struct row *row = watch->row;
  enum alert_state state = (enum alert_state)watch->alert.state;
  bool is_wanted = state == ALERT_OKAY
                       ? row->is_okay_persistent
                       : row->is_persistent && state >= ALERT_WARNING;
  if (is_wanted) {
    struct alert_change change = reminder_of(watch, now_ms);
    put_change(watch, &change, now_ms, changes);
  }
}

static bool judge(struct watch *watch, double value,
                  const struct alert_time *time, int64_t now_ms,
                  struct changes *changes) {
  struct alert_change change;
  if (alert_take(&watch->alert, &watch->row->rule, value, time, &change)) {
    put_change(watch, &change, now_ms, changes);
  } else if (watch->row->is_persistent || watch->row->is_okay_persistent) {
    persist(watch, now_ms, changes);
  }
  return !isnan(value);
}

/* What nearly every series is: each value is a level already. */
static bool judge_levels(struct series *series, const struct reading *reading,
                         const struct alert_time *time, int64_t now_ms,
                         struct changes *changes) {
  bool is_reading = false;
  for (size_t i = 0; i < series->watches_len; i++) {
    struct watch *watch = &series->watches[i];
    double value = rate_of(&series->levels->sources[watch->source],
                           raw_value(reading, watch->source), 0, 0);
    is_reading = judge(watch, value, time, now_ms, changes) || is_reading;
  }
  return is_reading;
}

static bool judge_computed(struct series *series, const struct reading *reading,
                           const struct alert_time *time, int64_t elapsed_ns,
                           int64_t now_ms, struct changes *changes) {
  struct series_body *body = series->body;
  double values[UINT8_MAX];
  for (size_t i = 0; i < body->type->sources_len; i++) {
    uint64_t raw = raw_value(reading, i);
    uint64_t previous = body->previous == NULL ? 0 : body->previous[i];
    values[i] = rate_of(&body->type->sources[i], raw, previous, elapsed_ns);
    if (body->previous != NULL) {
      body->previous[i] = raw;
    }
  }
  double sum = sum_of(values, body->type->sources_len);
  bool is_reading = false;
  for (size_t i = 0; i < body->watches_len; i++) {
    struct watch *watch = &body->watches[i];
    double value = values[watch->source];
    if (watch->row->is_percentage) {
      value = sum > 0 || sum < 0 ? 100 * value / sum : (double)NAN;
    }
    is_reading = judge(watch, value, time, now_ms, changes) || is_reading;
  }
  return is_reading;
}

void series_take(struct series *series, const struct reading *reading,
                 int64_t now_ms, struct changes *changes) {
  struct alert_time time;
  int64_t elapsed_ns;
  if (!advance(series, reading, now_ms, &time, &elapsed_ns)) {
    return;
  }
  bool is_reading = false;
  if (series->levels != NULL) {
    is_reading = judge_levels(series, reading, &time, now_ms, changes);
  } else {
    is_reading =
        judge_computed(series, reading, &time, elapsed_ns, now_ms, changes);
  }
  if (is_reading) {
    atomic_store_explicit(&series->seen_ms, now_ms, memory_order_relaxed);
  }
}

/* ---- time passes ---- */

static void remind(struct watch *watch, int64_t now_ms,
                   struct changes *changes) {
  if (!awaits_reminder(watch) ||
      now_ms - watch->told_ms < watch->row->rule.repeat_ms) {
    return;
  }
  struct alert_change change = reminder_of(watch, now_ms);
  put_change(watch, &change, now_ms, changes);
}

static int64_t silent_ms(const struct series *series, int64_t now_ms) {
  return now_ms - atomic_load_explicit(&series->seen_ms, memory_order_relaxed);
}

static bool is_silent(const struct series *series, int64_t now_ms,
                      double missing_intervals) {
  uint32_t interval_ms =
      atomic_load_explicit(&series->interval_ms, memory_order_relaxed);
  return (double)silent_ms(series, now_ms) >=
         missing_intervals * (double)interval_ms;
}

bool series_needs_tick(const struct series *series, int64_t now_ms,
                       double missing_intervals) {
  return atomic_load_explicit(&series->has_reminder, memory_order_relaxed) ||
         is_silent(series, now_ms, missing_intervals);
}

void series_tick(struct series *series, int64_t now_ms, int64_t wall_ms,
                 double missing_intervals, struct changes *changes) {
  struct series_body *body = series->body;
  if (body == NULL) {
    return;
  }
  bool is_missing = is_silent(series, now_ms, missing_intervals);
  bool has_reminder = false;
  for (size_t i = 0; i < body->watches_len; i++) {
    struct watch *watch = &body->watches[i];
    struct alert_change change;
    if (is_missing && alert_miss(&watch->alert, &watch->row->rule, wall_ms,
                                 silent_ms(series, now_ms), &change)) {
      put_change(watch, &change, now_ms, changes);
    } else {
      remind(watch, now_ms, changes);
    }
    has_reminder = has_reminder || awaits_reminder(watch);
  }
  atomic_store_explicit(&series->has_reminder, has_reminder,
                        memory_order_relaxed);
}

bool series_restore(struct series *series, const char *row_name,
                    const char *source_name, const struct alert *alert,
                    int64_t told_ms) {
  struct series_body *body = series->body;
  for (size_t i = 0; i < body->watches_len; i++) {
    struct watch *watch = &body->watches[i];
    if (strcmp(watch->row->name, row_name) != 0 ||
        strcmp(series_source_name(body, watch->source), source_name) != 0) {
      continue;
    }
    atomic_fetch_sub(&watch->row->counts[watch->alert.state], 1);
    atomic_fetch_add(&watch->row->counts[alert->state], 1);
    watch->alert = *alert;
    watch->announced = alert->state;
    watch->told_ms = told_ms;
    if (awaits_reminder(watch)) {
      atomic_store(&series->has_reminder, true);
    }
    return true;
  }
  return false;
}

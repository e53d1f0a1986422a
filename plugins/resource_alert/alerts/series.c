/* SPDX-License-Identifier: MIT */
/* series: one value list's identity and its last value; its life, and what time
 * alone does to its alerts. */
#include "resource_alert/alerts/series.h"

#include <math.h>
#include <sched.h>

#include "resource_alert/alerts/series_parts.h"

#define SPINS 64 /* about a microsecond, several times what is held */

/* ---- calm ---- */

/* False if a value within *MIN and *MAX could change the alert; else they are
 * narrowed to what cannot. */
static bool narrow(const struct watch *watch, const struct reading_source *type,
                   double *min, double *max) {
  const struct rule *rule = watch->rule;
  const struct alert_limits *limits = &rule->limits;
  *min = fmax(fmax(*min, type->min),
              fmax(limits->warning_min, limits->failure_min));
  *max = fmin(fmin(*max, type->max),
              fmin(limits->warning_max, limits->failure_max));
  return alert_is_calm(&watch->alert) && !limits->is_inverted &&
         !rule->is_percentage && !rule->is_persistent &&
         !rule->is_okay_persistent;
}

static float not_below(double limit) {
  float rounded = (float)limit;
  return (double)rounded < limit ? nextafterf(rounded, HUGE_VALF) : rounded;
}

static float not_above(double limit) {
  float rounded = (float)limit;
  return (double)rounded > limit ? nextafterf(rounded, -HUGE_VALF) : rounded;
}

void series_find_calm(struct series *series) {
  const struct series_body *body = series_load(series->body);
  bool is_calm = body->type->is_all_gauges && body->kept_len == 0;
  double min = -HUGE_VAL;
  double max = HUGE_VAL;
  for (size_t i = 0; i < body->watches_len && is_calm; i++) {
    const struct watch *watch = &body->watches[i];
    is_calm = watch->source == body->watches[0].source &&
              narrow(watch, &body->type->sources[watch->source], &min, &max);
  }
  series_store(series->calm_min, is_calm ? not_below(min) : HUGE_VALF);
  series_store(series->calm_max, is_calm ? not_above(max) : -HUGE_VALF);
}

static bool is_calm(const struct series *series) {
  return series_load(series->calm_min) <= series_load(series->calm_max);
}

/* What was left meanwhile is judged as it must be: the last one stands for all
 * of them. One that came while the calm ended comes too late. */
static void settle(struct series *series, struct series_body *body) {
  int64_t time_ns = series_load(series->time_ns);
  if (time_ns <= body->time_ns || !is_calm(series)) {
    return;
  }
  body->clock_ms += (time_ns - body->time_ns) / 1000000;
  body->time_ns = time_ns;
  for (size_t i = 0; i < body->watches_len; i++) {
    struct alert *alert = &body->watches[i].alert;
    alert->value = series_load(series->value);
    alert->last_ms = body->clock_ms;
  }
}

/* ---- the lock ---- */

/* Two threads meet here only over one and the same series. */
void series_lock(struct series *series) {
  for (unsigned spins = 1;
       atomic_flag_test_and_set_explicit(&series->lock, memory_order_acquire);
       spins++) {
    if (spins % SPINS == 0) {
      (void)sched_yield();
    }
  }
  struct series_body *body = series_load(series->body);
  if (body != NULL) {
    settle(series, body);
  }
}

void series_unlock(struct series *series) {
  atomic_flag_clear_explicit(&series->lock, memory_order_release);
}

/* ---- life ---- */

void series_bind(struct series *series, struct fingerprint id,
                 struct series_body *body, int64_t interval_ns,
                 int64_t now_ms) {
  series_store(series->body, body);
  series_store(series->time_ns, 0);
  series_store(series->seen_ms, now_ms);
  series_store(series->interval_ms, series_interval_ms(interval_ns));
  series_store(series->taken, 0);
  series_store(series->has_reminder, false);
  series_store(series->source, 0);
  series_store(series->calm_min, -HUGE_VALF); /* nobody is upset by anything */
  series_store(series->calm_max, HUGE_VALF);
  if (body != NULL) {
    for (size_t i = 0; i < body->watches_len; i++) {
      body->watches[i].series = series;
    }
    series_store(series->source,
                 body->watches_len == 0 ? 0 : body->watches[0].source);
    series_find_calm(series);
  }
  series_store(series->id_low, id.low);
  atomic_store_explicit(&series->id_high, fingerprint_high(id),
                        memory_order_release);
}

struct series_body *series_unbind(struct series *series) {
  struct series_body *body = series_load(series->body);
  series_store(series->id_high, 0);
  series_store(series->body, NULL);
  series_store(series->has_reminder, false);
  series_store(series->seen_ms, INT64_MAX); /* wants no tick */
  return body;
}

bool series_is_queued(const struct series *series) {
  const struct series_body *body = series_load(series->body);
  for (size_t i = 0; body != NULL && i < body->watches_len; i++) {
    if (body->watches[i].is_queued) {
      return true;
    }
  }
  return false;
}

struct watch *series_restore(struct series *series, const char *rule_name,
                             const char *source_name, const struct alert *alert,
                             int64_t notified_ms) {
  struct series_body *body = series_load(series->body);
  for (size_t i = 0; i < body->watches_len; i++) {
    struct watch *watch = &body->watches[i];
    if (strcmp(watch->rule->name, rule_name) != 0 ||
        strcmp(series_source_name(body, watch->source), source_name) != 0) {
      continue;
    }
    atomic_fetch_sub(&watch->rule->counts[watch->alert.state], 1);
    atomic_fetch_add(&watch->rule->counts[alert->state], 1);
    watch->alert = *alert;
    watch->was_notified = alert->is_notified;
    watch->notified_ms = notified_ms;
    if (watch_awaits_reminder(watch)) {
      series_store(series->has_reminder, true);
    }
    series_find_calm(series);
    return watch;
  }
  return NULL;
}

/* ---- time passes ---- */

static void remind(struct watch *watch, int64_t now_ms,
                   struct changes *changes) {
  if (watch_awaits_reminder(watch) &&
      now_ms - watch->notified_ms >= watch->rule->limits.repeat_ms) {
    watch_put_reminder(watch, now_ms, changes);
  }
}

static int64_t silent_ms(const struct series *series, int64_t now_ms) {
  return now_ms - series_load(series->seen_ms);
}

static bool is_silent(const struct series *series, int64_t now_ms,
                      double missing_intervals) {
  return (double)silent_ms(series, now_ms) >=
         missing_intervals * (double)series_load(series->interval_ms);
}

bool series_needs_tick(const struct series *series, int64_t now_ms,
                       double missing_intervals) {
  return series_load(series->has_reminder) ||
         is_silent(series, now_ms, missing_intervals);
}

void series_tick(struct series *series, int64_t now_ms, int64_t wall_ms,
                 double missing_intervals, struct changes *changes) {
  struct series_body *body = series_load(series->body);
  if (body == NULL) {
    return;
  }
  bool is_missing = is_silent(series, now_ms, missing_intervals);
  bool has_reminder = false;
  for (size_t i = 0; i < body->watches_len; i++) {
    struct watch *watch = &body->watches[i];
    struct alert_change change;
    if (is_missing && alert_miss(&watch->alert, &watch->rule->limits, wall_ms,
                                 silent_ms(series, now_ms), &change)) {
      watch_put_change(watch, &change, now_ms, changes);
    } else {
      remind(watch, now_ms, changes);
    }
    has_reminder = has_reminder || watch_awaits_reminder(watch);
  }
  series_store(series->has_reminder, has_reminder);
  series_find_calm(series);
}

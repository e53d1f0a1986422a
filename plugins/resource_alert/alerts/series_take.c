/* SPDX-License-Identifier: MIT */
/* series_take: a reading that is not calm, judged by every rule that watches.
 */
#include <math.h>

#include "resource_alert/alerts/companion.h"
#include "resource_alert/alerts/rate.h"
#include "resource_alert/alerts/series_parts.h"
#include "resource_alert/rules/condition.h"

#define NS_PER_MS INT64_C(1000000)
#define INTERVAL_MAX_MS INT64_C(86400000) /* a day */
#define SLACK_PART 8 /* of an interval: how much readings may jitter */
#define SLACK_MAX_MS 1000

uint32_t series_interval_ms(int64_t interval_ns) {
  int64_t interval_ms = interval_ns / NS_PER_MS;
  interval_ms = interval_ms < 1 ? 1 : interval_ms;
  return (uint32_t)(interval_ms < INTERVAL_MAX_MS ? interval_ms
                                                  : INTERVAL_MAX_MS);
}

/* ---- a change ---- */

bool watch_awaits_reminder(const struct watch *watch) {
  return watch->rule->limits.repeat_ms > 0 &&
         watch->alert.state >= ALERT_WARNING;
}

void watch_put_change(struct watch *watch, const struct alert_change *change,
                      int64_t now_ms, struct changes *changes) {
  if (change->from != change->to) {
    atomic_fetch_sub(&watch->rule->counts[change->from], 1);
    atomic_fetch_add(&watch->rule->counts[change->to], 1);
  }
  enum alert_state from = watch->is_queued ? watch->change.from : change->from;
  watch->change = *change;
  watch->change.from = from;
  watch->notified_ms = now_ms;
  rule_note_value(watch->rule, &watch->alert);
  if (watch_awaits_reminder(watch)) {
    series_store(watch->series->has_reminder, true);
  }
  changes_put(changes, watch);
}

void watch_put_reminder(struct watch *watch, int64_t now_ms,
                        struct changes *changes) {
  struct alert_change reminder = watch->change;
  reminder.from = (enum alert_state)watch->alert.state;
  reminder.to = reminder.from;
  reminder.cause = ALERT_CAUSE_REMINDER;
  reminder.value = watch->alert.value;
  reminder.held_s += (uint32_t)((now_ms - watch->notified_ms + 500) / 1000);
  reminder.should_notify = true;
  watch_put_change(watch, &reminder, now_ms, changes);
}

/* ---- when ---- */

/* How far the series' clock goes on with READING, 0 for its first; negative if
 * it is stale.
 *
 * Stamps are trusted as far as our own clock bears them out. A stamp from
 * before the last one is stale, unless a whole interval has passed here since
 * then: the sender's clock was set back. One from far ahead while hardly any
 * time has passed here: it was set on, or the machine slept. Either way the
 * reading counts as one interval after the last one. */
static int64_t elapsed_ns(const struct series *series, int64_t last_ns,
                          const struct reading *reading, int64_t now_ms) {
  int64_t interval_ns = series_interval_ms(reading->interval_ns) * NS_PER_MS;
  int64_t elapsed_ns = reading->time_ns - last_ns;
  if (last_ns == 0) {
    return 0;
  }
  if (elapsed_ns > 0 && elapsed_ns <= 2 * interval_ns) {
    return elapsed_ns;
  }
  int64_t here_ns = (now_ms - series_load(series->seen_ms)) * NS_PER_MS;
  if (elapsed_ns <= 0) {
    return here_ns < interval_ns / 4 * 3 ? -1 : interval_ns;
  }
  return here_ns < elapsed_ns / 2 ? interval_ns : elapsed_ns;
}

static struct alert_time time_of(const struct series_body *body,
                                 const struct reading *reading) {
  int64_t interval_ms = series_interval_ms(reading->interval_ns);
  int64_t slack_ms = interval_ms / SLACK_PART;
  return (struct alert_time){
      .series_ms = body->clock_ms,
      .slack_ms = slack_ms < SLACK_MAX_MS ? slack_ms : SLACK_MAX_MS,
      .gap_ms = 5 * interval_ms / 2,
      .wall_ms = reading->time_ns / NS_PER_MS,
  };
}

/* ---- what ---- */

static double sum_of(const double *values, size_t len) {
  double sum = 0;
  for (size_t i = 0; i < len; i++) {
    sum += isnan(values[i]) ? 0 : values[i];
  }
  return sum;
}

/* Each source's level or rate; elapsed_ns as above. */
static void read_values(struct series_body *body, const struct reading *reading,
                        int64_t elapsed_ns, double *values) {
  for (size_t i = 0; i < body->type->sources_len; i++) {
    uint64_t raw;
    memcpy(&raw, (const char *)reading->values + i * sizeof(raw), sizeof(raw));
    uint64_t previous = body->previous == NULL ? 0 : body->previous[i];
    values[i] = rate_of(&body->type->sources[i], raw, previous, elapsed_ns);
    if (body->previous != NULL) {
      body->previous[i] = raw;
    }
  }
}

/* For the rules of other series that look at this one. */
static void keep_values(const struct series_body *body, const double *values,
                        const struct reading *reading, int64_t now_ms) {
  for (size_t i = 0; i < body->kept_len; i++) {
    companion_put(body->kept[i].companion, values[body->kept[i].source], now_ms,
                  series_interval_ms(reading->interval_ns));
  }
}

/* For rules that want every reading told. */
static void persist(struct watch *watch, int64_t now_ms,
                    struct changes *changes) {
  const struct rule *rule = watch->rule;
  enum alert_state state = (enum alert_state)watch->alert.state;
  bool is_wanted = state == ALERT_OKAY
                       ? rule->is_okay_persistent
                       : rule->is_persistent && state >= ALERT_WARNING;
  if (is_wanted) {
    watch_put_reminder(watch, now_ms, changes);
  }
}

/* is_excused: the rule's OnlyIf does not hold. */
static void judge(struct watch *watch, double value, bool is_excused,
                  const struct alert_time *time, int64_t now_ms,
                  struct changes *changes) {
  struct alert_change change;
  if (alert_take(&watch->alert, &watch->rule->limits, value, is_excused, time,
                 &change)) {
    watch_put_change(watch, &change, now_ms, changes);
  } else if (!isnan(value)) {
    rule_note_value(watch->rule, &watch->alert);
    persist(watch, now_ms, changes);
  }
}

/* Returns whether there was something to read for anybody. */
static bool judge_all(struct series_body *body, const double *values,
                      const struct alert_time *time, int64_t now_ms,
                      struct changes *changes) {
  double sum = sum_of(values, body->type->sources_len);
  bool is_reading = false;
  for (size_t i = 0; i < body->watches_len; i++) {
    struct watch *watch = &body->watches[i];
    double value = values[watch->source];
    if (watch->rule->is_percentage) {
      value = sum > 0 || sum < 0 ? 100 * value / sum : (double)NAN;
    }
    bool is_excused =
        body->companions != NULL && body->companions[i] != NULL &&
        !condition_holds(&watch->rule->only_if,
                         companion_get(body->companions[i], now_ms));
    judge(watch, value, is_excused, time, now_ms, changes);
    is_reading = is_reading || !isnan(value);
  }
  return is_reading;
}

static void take_bound(struct series *series, struct series_body *body,
                       const struct reading *reading, int64_t now_ms,
                       struct changes *changes) {
  int64_t passed_ns = elapsed_ns(series, body->time_ns, reading, now_ms);
  if (passed_ns < 0) {
    return;
  }
  series_store(series->interval_ms, series_interval_ms(reading->interval_ns));
  body->time_ns = reading->time_ns;
  body->clock_ms += passed_ns / NS_PER_MS;
  double values[UINT8_MAX];
  read_values(body, reading, passed_ns, values);
  keep_values(body, values, reading, now_ms);
  const struct alert_time time = time_of(body, reading);
  if (judge_all(body, values, &time, now_ms, changes)) {
    series_store(series->seen_ms, now_ms);
  }
  series_find_calm(series);
}

void series_take(struct series *series, const struct reading *reading,
                 int64_t now_ms, struct changes *changes) {
  struct series_body *body = series_load(series->body);
  series_store(series->taken, series_load(series->taken) + 1);
  if (body == NULL) {
    series_store(series->interval_ms, series_interval_ms(reading->interval_ns));
    series_store(series->time_ns, reading->time_ns);
    series_store(series->seen_ms, now_ms);
    return;
  }
  take_bound(series, body, reading, now_ms, changes);
  series_store(series->time_ns, body->time_ns);
}

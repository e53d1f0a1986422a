/* SPDX-License-Identifier: MIT */
/* alert: the state machine of one rule on one data source of one series.
 *
 * Two latches, "at least WARNING" and "FAILURE", each turn on when a reading
 * has agreed for For and off when it has agreed for RecoverFor. The state
 * follows from them, so that readings that jump between WARNING and FAILURE
 * still hold WARNING. */
#include "resource_alert/alerts/alert.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* ---- states ---- */

static const char *const state_names[ALERT_STATES] = {
    [ALERT_UNKNOWN] = "UNKNOWN", [ALERT_OKAY] = "OKAY",
    [ALERT_WARNING] = "WARNING", [ALERT_FAILURE] = "FAILURE",
    [ALERT_MISSING] = "MISSING",
};

const char *alert_state_name(enum alert_state state) {
  return state_names[state];
}

bool alert_state_from_name(const char *name, enum alert_state *ret_state) {
  for (size_t i = 0; i < ALERT_STATES; i++) {
    if (strcmp(state_names[i], name) == 0) {
      *ret_state = (enum alert_state)i;
      return true;
    }
  }
  return false;
}

int alert_state_rank(enum alert_state state) {
  static const int ranks[ALERT_STATES] = {
      [ALERT_UNKNOWN] = 0, [ALERT_OKAY] = 1,    [ALERT_MISSING] = 2,
      [ALERT_WARNING] = 3, [ALERT_FAILURE] = 4,
  };
  return ranks[state];
}

enum alert_state alert_state_worse(enum alert_state a, enum alert_state b) {
  return alert_state_rank(a) > alert_state_rank(b) ? a : b;
}

double alert_state_gauge(enum alert_state state) { return (int)state - 1; }

static const char *const cause_names[] = {
    [ALERT_CAUSE_LIMIT] = "limit",     [ALERT_CAUSE_MISSING] = "missing",
    [ALERT_CAUSE_BACK] = "back",       [ALERT_CAUSE_REMINDER] = "reminder",
    [ALERT_CAUSE_EXPIRED] = "expired",
};

const char *alert_cause_name(enum alert_cause cause) {
  return cause_names[cause];
}

bool alert_cause_from_name(const char *name, enum alert_cause *ret_cause) {
  for (int i = ALERT_CAUSE_LIMIT; i <= ALERT_CAUSE_EXPIRED; i++) {
    if (strcmp(cause_names[i], name) == 0) {
      *ret_cause = (enum alert_cause)i;
      return true;
    }
  }
  return false;
}

/* ---- one reading against the limits ---- */

/* widen: how much further the bad range reaches while we are in it. */
static bool is_beyond(const struct alert_limits *limits, double min, double max,
                      double widen, double value) {
  if (!limits->is_inverted) {
    return value < min + widen || value > max - widen;
  }
  return (!isnan(min) || !isnan(max)) &&
         !(value < min - widen || value > max + widen);
}

static bool is_failure(const struct alert *alert,
                       const struct alert_limits *limits, double value) {
  double widen = alert->state == ALERT_FAILURE ? limits->hysteresis : 0;
  return is_beyond(limits, limits->failure_min, limits->failure_max, widen,
                   value);
}

static bool is_warning(const struct alert *alert,
                       const struct alert_limits *limits, double value) {
  double widen = alert->state == ALERT_WARNING ? limits->hysteresis : 0;
  return is_beyond(limits, limits->warning_min, limits->warning_max, widen,
                   value);
}

/* NaN only where both are. */
static double larger_of(double a, double b) {
  return isnan(a) || b > a ? b : a;
}

double alert_badness(const struct alert_limits *limits, double value) {
  double beyond = (double)NAN;
  beyond = larger_of(beyond, value - limits->warning_max);
  beyond = larger_of(beyond, value - limits->failure_max);
  beyond = larger_of(beyond, limits->warning_min - value);
  beyond = larger_of(beyond, limits->failure_min - value);
  if (isnan(beyond)) {
    return -HUGE_VAL;
  }
  return limits->is_inverted ? -beyond : beyond;
}

/* ---- latches ---- */

static void latch_take(struct alert_latch *latch, bool is_beyond_now,
                       bool is_after_gap, int64_t hold_ms, uint32_t hits,
                       const struct alert_time *now) {
  if (is_beyond_now != latch->is_beyond || is_after_gap) {
    latch->is_beyond = is_beyond_now;
    latch->since_ms = now->series_ms;
    latch->count = 0;
  }
  if (latch->count < UINT16_MAX) {
    latch->count++;
  }
  int64_t held_ms = now->series_ms - latch->since_ms;
  if (latch->is_beyond != latch->is_on && latch->count >= hits &&
      (held_ms >= hold_ms || held_ms + now->slack_ms >= hold_ms)) {
    latch->is_on = latch->is_beyond;
  }
}

/* An alert that flaps gets better only after a whole window of calm. */
static int64_t recover_ms(const struct alert *alert,
                          const struct alert_limits *limits) {
  return alert->is_flapping && limits->flap_window_ms > limits->recover_ms
             ? limits->flap_window_ms
             : limits->recover_ms;
}

static void take_latches(struct alert *alert, const struct alert_limits *limits,
                         bool is_failing, bool is_warned, bool is_after_gap,
                         const struct alert_time *now) {
  int64_t better_ms = recover_ms(alert, limits);
  latch_take(&alert->failure, is_failing, is_after_gap,
             is_failing ? limits->for_ms : better_ms,
             is_failing ? limits->hits : 1, now);
  latch_take(&alert->warning, is_warned, is_after_gap,
             is_warned ? limits->for_ms : better_ms,
             is_warned ? limits->hits : 1, now);
}

/* ---- the state ---- */

static enum alert_state state_of_latches(const struct alert *alert) {
  if (alert->failure.is_on) {
    return ALERT_FAILURE;
  }
  if (alert->warning.is_on) {
    return ALERT_WARNING;
  }
  bool is_judged =
      alert->state != ALERT_UNKNOWN && alert->state != ALERT_MISSING;
  return is_judged || !alert->warning.is_beyond ? ALERT_OKAY : ALERT_UNKNOWN;
}

static void count_flaps(struct alert *alert, const struct alert_limits *limits,
                        const struct alert_time *now) {
  if (limits->flap_limit == 0) {
    return;
  }
  uint32_t now_s = (uint32_t)(now->series_ms / 1000);
  if ((now_s - alert->flap_from_s) * INT64_C(1000) > limits->flap_window_ms) {
    alert->flap_from_s = now_s;
    alert->flap_changes = 0;
    alert->is_flapping = false;
  }
  if (alert->flap_changes < UINT8_MAX) {
    alert->flap_changes++;
  }
  alert->is_flapping =
      alert->is_flapping || alert->flap_changes > limits->flap_limit;
}

static bool should_notify(const struct alert *alert, enum alert_state to) {
  bool was_bad = alert->state >= ALERT_WARNING;
  switch (to) {
  case ALERT_WARNING:
  case ALERT_FAILURE:
  case ALERT_MISSING:
    return true;
  case ALERT_OKAY:
    return alert->is_notified;
  case ALERT_UNKNOWN:
    return was_bad;
  }
  return true;
}

static uint32_t seconds_of_ms(int64_t ms) {
  return ms < 0 ? 0 : (uint32_t)((ms + 500) / 1000);
}

/* The only place where a state changes. */
static void change_state(struct alert *alert, enum alert_state to,
                         enum alert_cause cause, int64_t wall_ms,
                         struct alert_change *ret_change) {
  *ret_change = (struct alert_change){
      .from = (enum alert_state)alert->state,
      .to = to,
      .cause = cause,
      .value = alert->value,
      .limit = (double)NAN,
      .should_notify = should_notify(alert, to),
  };
  if (to == ALERT_OKAY) {
    alert->is_notified = false;
  } else if (to != ALERT_UNKNOWN) {
    alert->is_notified = true;
  }
  alert->state = (uint8_t)to;
  alert->since_wall_ms = wall_ms;
}

/* Names the limit that VALUE breaks, for the one who reads of the change. */
static void name_limit(const struct alert_limits *limits,
                       struct alert_change *change) {
  bool is_of_failure = change->to == ALERT_FAILURE;
  double min = is_of_failure ? limits->failure_min : limits->warning_min;
  double max = is_of_failure ? limits->failure_max : limits->warning_max;
  bool is_max = !isnan(max) && (isnan(min) || change->value > max);
  if (limits->is_inverted) { /* inside: name the limit that is nearer */
    is_max = isnan(min) || max - change->value < change->value - min;
  }
  change->is_limit_max = is_max != limits->is_inverted;
  change->limit = is_max ? max : min;
}

static bool follow_latches(struct alert *alert,
                           const struct alert_limits *limits,
                           const struct alert_time *now,
                           struct alert_change *ret_change) {
  enum alert_state to = state_of_latches(alert);
  if (to == (enum alert_state)alert->state) {
    return false;
  }
  enum alert_cause cause =
      alert->state == ALERT_MISSING ? ALERT_CAUSE_BACK : ALERT_CAUSE_LIMIT;
  change_state(alert, to, cause, now->wall_ms, ret_change);
  count_flaps(alert, limits, now);
  if (to == ALERT_WARNING || to == ALERT_FAILURE) {
    name_limit(limits, ret_change);
  }
  const struct alert_latch *latch =
      to == ALERT_FAILURE || ret_change->from == ALERT_FAILURE
          ? &alert->failure
          : &alert->warning;
  ret_change->held_s = seconds_of_ms(now->series_ms - latch->since_ms);
  return true;
}

bool alert_is_calm(const struct alert *alert) {
  return alert->state == ALERT_OKAY && !alert->warning.is_beyond;
}

bool alert_take(struct alert *alert, const struct alert_limits *limits,
                double value, bool is_excused, const struct alert_time *now,
                struct alert_change *ret_change) {
  if (isnan(value)) {
    return false;
  }
  bool is_failing = !is_excused && is_failure(alert, limits, value);
  bool is_warned =
      is_failing || (!is_excused && is_warning(alert, limits, value));
  bool is_after_gap = now->series_ms - alert->last_ms > now->gap_ms;
  alert->value = value;
  alert->last_ms = now->series_ms;
  if (!is_warned && alert_is_calm(alert)) {
    return false;
  }
  take_latches(alert, limits, is_failing, is_warned, is_after_gap, now);
  return follow_latches(alert, limits, now, ret_change);
}

static enum alert_state state_when_missed(const struct alert_limits *limits) {
  switch (limits->missing) {
  case ALERT_MISSING_IGNORE:
    return ALERT_UNKNOWN;
  case ALERT_MISSING_OKAY:
    return ALERT_OKAY;
  case ALERT_MISSING_WARNING:
  case ALERT_MISSING_FAILURE:
    break;
  }
  return ALERT_MISSING;
}

bool alert_miss(struct alert *alert, const struct alert_limits *limits,
                int64_t wall_ms, int64_t silent_ms,
                struct alert_change *ret_change) {
  memset(&alert->warning, 0, sizeof(alert->warning));
  memset(&alert->failure, 0, sizeof(alert->failure));
  enum alert_state to = state_when_missed(limits);
  if (to == (enum alert_state)alert->state) {
    return false;
  }
  change_state(alert, to,
               to == ALERT_OKAY ? ALERT_CAUSE_EXPIRED : ALERT_CAUSE_MISSING,
               wall_ms, ret_change);
  ret_change->held_s = seconds_of_ms(silent_ms);
  return true;
}

void alert_restore(struct alert *alert, enum alert_state state,
                   bool is_notified, int64_t since_wall_ms) {
  alert->state = (uint8_t)state;
  alert->is_notified = is_notified;
  alert->since_wall_ms = since_wall_ms;
  alert->failure.is_on = state == ALERT_FAILURE;
  alert->failure.is_beyond = alert->failure.is_on;
  alert->warning.is_on = alert->failure.is_on || state == ALERT_WARNING;
  alert->warning.is_beyond = alert->warning.is_on;
}

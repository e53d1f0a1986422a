/* SPDX-License-Identifier: MIT */
/* alert: the state machine of one rule on one data source of one series.
 *
 * Two breaches, "at least WARNING" and "FAILURE", each begin when a reading
 * has been beyond a limit for For and end when it has been within for
 * RecoverFor. The state follows from them, so that readings that jump between
 * WARNING and FAILURE still hold WARNING. */
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

enum alert_state alert_state_pick_worse(enum alert_state a,
                                        enum alert_state b) {
  return alert_state_rank(a) > alert_state_rank(b) ? a : b;
}

double alert_state_gauge(enum alert_state state) { return (int)state - 1; }

static const char *const cause_names[] = {
    [ALERT_CAUSE_LIMIT] = "limit",     [ALERT_CAUSE_MISSING] = "missing",
    [ALERT_CAUSE_BACK] = "back",       [ALERT_CAUSE_REMINDER] = "reminder",
    [ALERT_CAUSE_EXPIRED] = "expired", [ALERT_CAUSE_UNSILENCED] = "unsilenced",
    [ALERT_CAUSE_REMOVED] = "removed", [ALERT_CAUSE_FORGOTTEN] = "forgotten",
};

const char *alert_cause_name(enum alert_cause cause) {
  return cause_names[cause];
}

bool alert_cause_from_name(const char *name, enum alert_cause *ret_cause) {
  for (int i = ALERT_CAUSE_LIMIT; i <= ALERT_CAUSE_FORGOTTEN; i++) {
    if (strcmp(cause_names[i], name) == 0) {
      *ret_cause = (enum alert_cause)i;
      return true;
    }
  }
  return false;
}

/* ---- one reading against the limits ---- */

/* hysteresis: how much further the bad range reaches; 0 while the alert is not
 * in the state that these limits lead to. */
static bool breaks_limits(const struct rule_limits *limits, double min,
                          double max, double hysteresis, double value) {
  if (!limits->is_inverted) {
    return value < min + hysteresis || value > max - hysteresis;
  }
  return (!isnan(min) || !isnan(max)) &&
         !(value < min - hysteresis || value > max + hysteresis);
}

/* Hysteresis applies only in the state itself: a value that falls from FAILURE
 * to just below the warning limit is not a warning. */
static bool breaks_failure_limits(const struct alert *alert,
                                  const struct rule_limits *limits,
                                  double value) {
  double hysteresis = alert->state == ALERT_FAILURE ? limits->hysteresis : 0;
  return breaks_limits(limits, limits->failure_min, limits->failure_max,
                       hysteresis, value);
}

static bool breaks_warning_limits(const struct alert *alert,
                                  const struct rule_limits *limits,
                                  double value) {
  double hysteresis = alert->state == ALERT_WARNING ? limits->hysteresis : 0;
  return breaks_limits(limits, limits->warning_min, limits->warning_max,
                       hysteresis, value);
}

/* NaN only where both are. */
static double pick_larger(double a, double b) {
  return isnan(a) || b > a ? b : a;
}

double alert_compute_badness(const struct rule_limits *limits, double value) {
  double beyond =
      pick_larger(value - limits->warning_max, value - limits->failure_max);
  beyond = pick_larger(beyond, limits->warning_min - value);
  beyond = pick_larger(beyond, limits->failure_min - value);
  if (isnan(beyond)) {
    return -HUGE_VAL;
  }
  return limits->is_inverted ? -beyond : beyond;
}

/* ---- breaches ---- */

/* Counts one reading, and turns the breach once the readings have agreed for
 * long enough and often enough. Returns whether they have. */
static bool update_breach(struct alert_breach *breach, bool is_beyond,
                          bool is_after_gap, const struct rule_limits *limits,
                          const struct alert_time *now) {
  if (is_beyond != breach->is_beyond || is_after_gap || breach->count == 0) {
    breach->is_beyond = is_beyond;
    breach->since_ms = now->series_ms;
    breach->count = 0;
  }
  if (breach->count < UINT16_MAX) {
    breach->count++;
  }
  int64_t hold_ms =
      (int64_t)(1000 * (is_beyond ? limits->for_s : limits->recover_s));
  int64_t hits = is_beyond ? limits->hits : 1;
  int64_t held_ms = now->series_ms - breach->since_ms;
  bool is_settled =
      breach->count >= hits &&
      (held_ms >= hold_ms || held_ms + now->tolerance_ms >= hold_ms);
  if (is_settled) {
    breach->is_breached = is_beyond;
  }
  return is_settled;
}

/* ---- the state ---- */

/* An alert that was never evaluated stays UNKNOWN while a breach is still on
 * its way; one of a series that paused, also while it has not been within its
 * limits for long enough. */
static enum alert_state find_breach_state(const struct alert *alert,
                                          bool is_settled) {
  if (alert->failure.is_breached) {
    return ALERT_FAILURE;
  }
  if (alert->warning.is_breached) {
    return ALERT_WARNING;
  }
  bool is_evaluated =
      alert->state != ALERT_UNKNOWN && alert->state != ALERT_MISSING;
  bool is_pending =
      !is_settled && (alert->warning.is_beyond || alert->has_stopped);
  return is_evaluated || !is_pending ? ALERT_OKAY : ALERT_UNKNOWN;
}

bool alert_is_news(enum alert_state notified, enum alert_state to) {
  return to == ALERT_OKAY ? notified >= ALERT_WARNING
                          : to != ALERT_UNKNOWN && to != notified;
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
  };
  if (to >= ALERT_WARNING && alert->begun_wall_ms == 0) {
    alert->begun_wall_ms = wall_ms;
    alert->peak = to == ALERT_MISSING ? (double)NAN : alert->peak;
  }
  alert->state = (uint8_t)to;
  alert->since_wall_ms = wall_ms;
}

void alert_find_broken_limit(const struct rule_limits *limits,
                             struct alert_change *change) {
  if (change->to != ALERT_WARNING && change->to != ALERT_FAILURE) {
    return;
  }
  bool is_failure = change->to == ALERT_FAILURE;
  double min = is_failure ? limits->failure_min : limits->warning_min;
  double max = is_failure ? limits->failure_max : limits->warning_max;
  bool is_max = !isnan(max) && (isnan(min) || change->value > max);
  if (limits->is_inverted) { /* the value is inside: name the nearer limit */
    is_max = isnan(min) || max - change->value < change->value - min;
  }
  change->is_limit_max = is_max != limits->is_inverted;
  change->limit = is_max ? max : min;
}

/* Rounded, as events show it. */
static uint32_t round_to_seconds(int64_t ms) {
  return ms < 0 ? 0 : (uint32_t)((ms + 500) / 1000);
}

/* Sets the state that follows from the breaches. */
static bool update_state(struct alert *alert, const struct rule_limits *limits,
                         const struct alert_time *now, bool is_settled,
                         struct alert_change *ret_change) {
  enum alert_state to = find_breach_state(alert, is_settled);
  if (to == (enum alert_state)alert->state) {
    return false;
  }
  enum alert_cause cause =
      alert->state == ALERT_MISSING ? ALERT_CAUSE_BACK : ALERT_CAUSE_LIMIT;
  change_state(alert, to, cause, now->wall_ms, ret_change);
  alert->has_stopped = alert->has_stopped && to == ALERT_UNKNOWN;
  alert_find_broken_limit(limits, ret_change);
  const struct alert_breach *breach =
      to == ALERT_FAILURE || ret_change->from == ALERT_FAILURE
          ? &alert->failure
          : &alert->warning;
  ret_change->held_s = round_to_seconds(now->series_ms - breach->since_ms);
  return true;
}

/* A breach that begins while all is well begins a new peak. */
static void update_peak(struct alert *alert, const struct rule_limits *limits,
                        double value) {
  bool is_first = alert->begun_wall_ms == 0 && !alert->warning.is_beyond;
  if (is_first || isnan(alert->peak) ||
      alert_compute_badness(limits, value) >
          alert_compute_badness(limits, alert->peak)) {
    alert->peak = value;
  }
}

bool alert_evaluate(struct alert *alert, const struct rule_limits *limits,
                    double value, bool is_disabled,
                    const struct alert_time *now,
                    struct alert_change *ret_change) {
  if (isnan(value)) {
    return false;
  }
  bool is_failing = !is_disabled && breaks_failure_limits(alert, limits, value);
  bool is_warned = is_failing || (!is_disabled &&
                                  breaks_warning_limits(alert, limits, value));
  bool is_after_gap = now->series_ms - alert->last_ms > now->gap_ms;
  alert->value = value;
  alert->last_ms = now->series_ms;
  if (!is_warned && alert->state == ALERT_OKAY && !alert->warning.is_beyond) {
    return false; /* nothing is pending: the case of nearly every reading */
  }
  if (is_warned) {
    update_peak(alert, limits, value);
  }
  (void)update_breach(&alert->failure, is_failing, is_after_gap, limits, now);
  bool is_settled =
      update_breach(&alert->warning, is_warned, is_after_gap, limits, now);
  return update_state(alert, limits, now, is_settled, ret_change);
}

/* What Missing means for the state. */
static enum alert_state find_missing_state(const struct rule_limits *limits) {
  switch ((enum rule_missing)limits->missing) {
  case RULE_MISSING_IGNORE:
    return ALERT_UNKNOWN;
  case RULE_MISSING_OKAY:
    return ALERT_OKAY;
  case RULE_MISSING_WARNING:
  case RULE_MISSING_FAILURE:
    break;
  }
  return ALERT_MISSING;
}

bool alert_mark_missing(struct alert *alert, const struct rule_limits *limits,
                        int64_t wall_ms, int64_t silent_ms,
                        struct alert_change *ret_change) {
  memset(&alert->warning, 0, sizeof(alert->warning));
  memset(&alert->failure, 0, sizeof(alert->failure));
  enum alert_state to = find_missing_state(limits);
  if (to == (enum alert_state)alert->state ||
      (alert->state == ALERT_UNKNOWN && isnan(alert->value))) {
    return false;
  }
  alert->has_stopped = to != ALERT_OKAY;
  change_state(alert, to,
               to == ALERT_OKAY ? ALERT_CAUSE_EXPIRED : ALERT_CAUSE_MISSING,
               wall_ms, ret_change);
  ret_change->held_s = round_to_seconds(silent_ms);
  return true;
}

bool alert_forget(struct alert *alert, int64_t wall_ms,
                  struct alert_change *ret_change) {
  bool was_notified = alert->notified >= ALERT_WARNING;
  bool is_change = alert->state != ALERT_UNKNOWN || was_notified;
  change_state(alert, ALERT_UNKNOWN, ALERT_CAUSE_FORGOTTEN, wall_ms,
               ret_change);
  *alert = (struct alert){.value = (double)NAN,
                          .peak = (double)NAN,
                          .notified = alert->notified,
                          .since_wall_ms = wall_ms};
  return is_change;
}

void alert_restore(struct alert *alert, enum alert_state state,
                   enum alert_state notified, int64_t since_wall_ms) {
  alert->value = (double)NAN;
  alert->peak = (double)NAN;
  alert->begun_wall_ms = state >= ALERT_WARNING ? since_wall_ms : 0;
  alert->state = (uint8_t)state;
  alert->notified = (uint8_t)notified;
  alert->has_stopped = state == ALERT_MISSING || state == ALERT_UNKNOWN;
  alert->since_wall_ms = since_wall_ms;
  alert->failure.is_breached = state == ALERT_FAILURE;
  alert->failure.is_beyond = alert->failure.is_breached;
  alert->warning.is_breached =
      alert->failure.is_breached || state == ALERT_WARNING;
  alert->warning.is_beyond = alert->warning.is_breached;
}

/* ---- what comes next ---- */

/* True if the breach is on its way to turn; *left_ms becomes the longest. */
static bool is_turning(const struct alert *alert,
                       const struct alert_breach *breach,
                       const struct rule_limits *limits, int64_t *left_ms) {
  if (breach->is_beyond == breach->is_breached) {
    return false;
  }
  double hold_s = breach->is_beyond ? limits->for_s : limits->recover_s;
  *left_ms = (int64_t)(1000 * hold_s) - (alert->last_ms - breach->since_ms);
  *left_ms = *left_ms < 0 ? 0 : *left_ms;
  return true;
}

/* The breach that turns first decides; of two at once, both. */
bool alert_find_next(const struct alert *alert,
                     const struct rule_limits *limits,
                     enum alert_state *ret_next, int64_t *ret_left_ms) {
  int64_t failure_ms = INT64_MAX;
  int64_t warning_ms = INT64_MAX;
  bool has_failure = is_turning(alert, &alert->failure, limits, &failure_ms);
  bool has_warning = is_turning(alert, &alert->warning, limits, &warning_ms);
  if ((!has_failure && !has_warning) || alert->state == ALERT_MISSING) {
    return false;
  }
  *ret_left_ms = failure_ms < warning_ms ? failure_ms : warning_ms;
  bool is_failure = failure_ms <= *ret_left_ms ? alert->failure.is_beyond
                                               : alert->failure.is_breached;
  bool is_warning = warning_ms <= *ret_left_ms ? alert->warning.is_beyond
                                               : alert->warning.is_breached;
  *ret_next = is_failure   ? ALERT_FAILURE
              : is_warning ? ALERT_WARNING
                           : ALERT_OKAY;
  return *ret_next != (enum alert_state)alert->state;
}

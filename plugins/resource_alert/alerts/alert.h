/* SPDX-License-Identifier: MIT */
/* alert: the state machine of one rule on one data source of one series. Pure:
 * its time is an argument; it takes no lock and writes no log. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "resource_alert/rules/rule_options.h"

/* Stored by name in the state file and the journal, so the numbers may
 * change. */
enum alert_state {
  ALERT_UNKNOWN, /* no reading yet, or none that could be evaluated */
  ALERT_OKAY,
  ALERT_WARNING,
  ALERT_FAILURE,
  ALERT_MISSING, /* the series stopped */
};

#define ALERT_STATES (ALERT_MISSING + 1)

/* "UNKNOWN", "OKAY", ... A literal. */
const char *alert_state_name(enum alert_state state);

/* The state of that name, as alert_state_name() writes it.
 * Returns false for any other text; *ret_state is then untouched. */
bool alert_state_from_name(const char *name, enum alert_state *ret_state);

/* How bad a state is, from 0: UNKNOWN < OKAY < MISSING < WARNING < FAILURE. A
 * series that stopped must not hide another one that fails. This is the only
 * place that knows the order. */
int alert_state_rank(enum alert_state state);

/* The worse of two by alert_state_rank(). */
enum alert_state alert_state_pick_worse(enum alert_state a, enum alert_state b);

/* The value of the type alert_state in types.db: -1 unknown, 0 okay,
 * 1 warning, 2 failure, 3 missing. */
double alert_state_gauge(enum alert_state state);

/* When a reading was taken. */
struct alert_time {
  int64_t series_ms; /* time of the series: advances with its readings, without
                        clock steps and gaps */
  int64_t tolerance_ms; /* readings jitter: a time that falls short by this much
                           counts as complete */
  int64_t wall_ms;      /* since the epoch, to be shown */
  int64_t gap_ms;       /* a hold does not go on over a longer pause */
};

/* Whether the limits of one severity are breached. It changes only after the
 * readings have agreed for the time that the rule sets. */
struct alert_breach {
  int64_t since_ms; /* series_ms of the first reading that agreed */
  uint16_t count;   /* readings that agreed, saturating */
  bool is_beyond;   /* the last reading was beyond a limit */
  bool is_breached; /* it was so for long enough */
};

/* All zero but for the value: no reading yet. The members that each reading
 * touches come first. */
struct alert {
  struct alert_breach warning; /* at least WARNING */
  struct alert_breach failure;
  double value;          /* the last reading; NaN: none yet */
  int64_t last_ms;       /* series_ms of it */
  int64_t since_wall_ms; /* of the state */
  double peak;           /* the worst reading since begun_wall_ms; NaN: none */
  int64_t begun_wall_ms; /* when it was OKAY last, or began; 0: it is OKAY */
  uint8_t state;         /* enum alert_state */
  uint8_t notified;      /* enum alert_state: the last one that was notified */
  bool has_stopped;      /* the series paused, and was not evaluated since */
};

enum alert_cause {
  ALERT_CAUSE_LIMIT,      /* a reading beyond a limit, or within it again */
  ALERT_CAUSE_MISSING,    /* the readings stopped */
  ALERT_CAUSE_BACK,       /* they are back, and not evaluated yet */
  ALERT_CAUSE_REMINDER,   /* nothing changed; notified again */
  ALERT_CAUSE_EXPIRED,    /* the TTL of a notification is over */
  ALERT_CAUSE_UNSILENCED, /* nothing changed; a silence hid it until now */
  ALERT_CAUSE_REMOVED,    /* no rule watches it since a restart */
  ALERT_CAUSE_FORGOTTEN,  /* somebody asked to forget the series */
};

/* The alert ends, in whatever state it was; to: UNKNOWN. */
static inline bool alert_cause_is_end(enum alert_cause cause) {
  return cause == ALERT_CAUSE_REMOVED || cause == ALERT_CAUSE_FORGOTTEN;
}

/* One change of state. Small, since each alert holds its last one until it is
 * dispatched. */
struct alert_change {
  double value;
  double limit;    /* NaN: none is broken */
  uint32_t held_s; /* how long the reading has been so */
  enum alert_state from : 8;
  enum alert_state to : 8;
  enum alert_cause cause : 8;
  bool is_limit_max : 1;  /* value > limit, else value < limit */
  bool should_notify : 1; /* set when it is dispatched */
};

/* "limit", "missing", "back", "reminder", "expired", "unsilenced",
 * "removed", "forgotten". A literal. */
const char *alert_cause_name(enum alert_cause cause);

/* The cause of that name. Returns false for any other text; *ret_cause is then
 * untouched. */
bool alert_cause_from_name(const char *name, enum alert_cause *ret_cause);

/* How far VALUE is beyond the limits, negative within them; comparable among
 * the alerts of one rule. NaN is the least. */
double alert_compute_badness(const struct rule_limits *limits, double value);

/* Evaluates a reading. NaN is not a reading and changes nothing. is_disabled:
 * the reading counts as within the limits in any case.
 * Returns true, and fills *ret_change, if the state changed. */
bool alert_evaluate(struct alert *alert, const struct rule_limits *limits,
                    double value, bool is_disabled,
                    const struct alert_time *now,
                    struct alert_change *ret_change);

/* The series stopped, silent_ms ago; one without any reading never began. The
 * times of For and RecoverFor start again. Returns true, and fills *ret_change,
 * if the state changed. */
bool alert_mark_missing(struct alert *alert, const struct rule_limits *limits,
                        int64_t wall_ms, int64_t silent_ms,
                        struct alert_change *ret_change);

/* Whether TO is to be notified where NOTIFIED was the last that was: each bad
 * state once, and the recovery from it. */
bool alert_is_news(enum alert_state notified, enum alert_state to);

/* Finds the limit that the value of CHANGE breaks, for its text. */
void alert_find_broken_limit(const struct rule_limits *limits,
                             struct alert_change *change);

/* The state that comes next if the readings stay as the last one is; then
 * *ret_left_ms is the time from that reading to the change, 0 where only the
 * number of readings is short. Returns false if no change is on its way. */
bool alert_find_next(const struct alert *alert,
                     const struct rule_limits *limits,
                     enum alert_state *ret_next, int64_t *ret_left_ms);

/* Sets the alert to one without a reading. Returns true, and fills *ret_change,
 * if there was a state, or one that was notified; it stays notified until that
 * change is dispatched. */
bool alert_forget(struct alert *alert, int64_t wall_ms,
                  struct alert_change *ret_change);

/* Sets the state that the alert had before a restart. */
void alert_restore(struct alert *alert, enum alert_state state,
                   enum alert_state notified, int64_t since_wall_ms);

/* SPDX-License-Identifier: MIT */
/* alert: the state machine of one rule on one data source of one series. Pure:
 * takes its time as an argument, locks nothing, says nothing. */
#ifndef RESOURCE_ALERT_ALERTS_ALERT_H
#define RESOURCE_ALERT_ALERTS_ALERT_H

#include <stdbool.h>
#include <stdint.h>

/* By name in the state file and the journal; the numbers mean nothing. */
enum alert_state {
  ALERT_UNKNOWN, /* no reading yet, or none that could be judged */
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
enum alert_state alert_state_worse(enum alert_state a, enum alert_state b);

/* The value of the type alert_state in types.db: -1 unknown, 0 okay,
 * 1 warning, 2 failure, 3 missing. */
double alert_state_gauge(enum alert_state state);

enum alert_missing { /* when the series stops; the words of Missing */
                     ALERT_MISSING_IGNORE,
                     ALERT_MISSING_WARNING,
                     ALERT_MISSING_FAILURE,
                     ALERT_MISSING_OKAY, /* of no rule of values */
};

/* What a rule demands. Limits: NaN where there is none. */
struct alert_limits {
  double warning_min, warning_max;
  double failure_min, failure_max;
  double hysteresis;  /* how far inside a limit before it counts as left */
  int64_t for_ms;     /* beyond a limit before the state gets worse */
  int64_t recover_ms; /* within it before the state gets better */
  int64_t repeat_ms;  /* between reminders; 0: none */
  int64_t flap_window_ms;
  uint32_t flap_limit; /* changes in the window that make it flap; 0: never */
  uint32_t hits;       /* consecutive readings beyond; 0 and 1: one */
  enum alert_missing missing;
  bool is_inverted; /* inside the limits is bad */
};

/* When a reading was taken. */
struct alert_time {
  int64_t series_ms; /* the series' own clock: it advances with its readings
                        and knows neither clock steps nor gaps */
  int64_t slack_ms; /* a hold that lacks this little is over: readings jitter */
  int64_t wall_ms;  /* since the epoch, to be shown */
  int64_t gap_ms;   /* readings further apart than this do not connect */
};

/* One limit, held or not: a boolean that turns only after a while. */
struct alert_latch {
  int64_t since_ms; /* series_ms of the first reading that agreed */
  uint16_t count;   /* readings that agreed, saturating */
  bool is_beyond;   /* what the last reading said */
  bool is_on;       /* what holds */
};

/* All zero: no reading yet. What every reading touches comes first. */
struct alert {
  struct alert_latch warning;
  struct alert_latch failure;
  double value;     /* the last reading */
  int64_t last_ms;  /* series_ms of it */
  uint8_t state;    /* enum alert_state */
  bool is_notified; /* a state that is not okay was to be notified */
  bool is_flapping;
  uint8_t flap_changes;  /* in the window, saturating */
  uint32_t flap_from_s;  /* series_ms / 1000: where the window began */
  int64_t since_wall_ms; /* of the state */
};

enum alert_cause {
  ALERT_CAUSE_LIMIT,    /* a reading beyond a limit, or within again */
  ALERT_CAUSE_MISSING,  /* the readings stopped */
  ALERT_CAUSE_BACK,     /* they are back, and not judged yet */
  ALERT_CAUSE_REMINDER, /* nothing changed; said again */
  ALERT_CAUSE_EXPIRED,  /* what was said has had its time */
};

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
  bool should_notify : 1; /* false for a first OKAY, for example */
};

/* "limit", "missing", "back", "reminder", "expired". A literal. */
const char *alert_cause_name(enum alert_cause cause);

/* The cause of that name. Returns false for any other text; *ret_cause is then
 * untouched. */
bool alert_cause_from_name(const char *name, enum alert_cause *ret_cause);

/* How far VALUE lies beyond the limits, negative within them; comparable among
 * the alerts of one rule. */
double alert_badness(const struct alert_limits *limits, double value);

/* True if a reading within all limits, but inverted ones, cannot change
 * anything. */
bool alert_is_calm(const struct alert *alert);

/* Judges a reading. NaN is no reading and changes nothing. is_excused: it
 * counts as within the limits, whatever it is.
 * Returns true, and fills *ret_change, if the state changed. */
bool alert_take(struct alert *alert, const struct alert_limits *limits,
                double value, bool is_excused, const struct alert_time *now,
                struct alert_change *ret_change);

/* The series stopped, silent_ms ago. What was held is forgotten.
 * Returns true, and fills *ret_change, if the state changed. */
bool alert_miss(struct alert *alert, const struct alert_limits *limits,
                int64_t wall_ms, int64_t silent_ms,
                struct alert_change *ret_change);

/* Takes up a state of before a restart. */
void alert_restore(struct alert *alert, enum alert_state state,
                   bool is_notified, int64_t since_wall_ms);

#endif

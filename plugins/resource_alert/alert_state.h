/* SPDX-License-Identifier: MIT */
/* alert_state: what a rule of the threshold table thinks of one series. */
#ifndef RESOURCE_ALERT_ALERT_STATE_H
#define RESOURCE_ALERT_ALERT_STATE_H

#include <stdbool.h>

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
bool alert_state_parse(const char *name, enum alert_state *ret_state);

/* The worse of two: UNKNOWN < OKAY < MISSING < WARNING < FAILURE. A series that
 * stopped must not hide another one that fails. */
enum alert_state alert_state_worse(enum alert_state a, enum alert_state b);

/* The value of the type alert_state in types.db: -1 unknown, 0 okay,
 * 1 warning, 2 failure, 3 missing. */
double alert_state_gauge(enum alert_state state);

#endif

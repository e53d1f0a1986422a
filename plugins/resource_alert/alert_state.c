/* SPDX-License-Identifier: MIT */
/* alert_state: what a rule of the threshold table thinks of one series. */
#include "resource_alert/alert_state.h"

#include <stddef.h>
#include <string.h>

static const char *const names[ALERT_STATES] = {
    [ALERT_UNKNOWN] = "UNKNOWN", [ALERT_OKAY] = "OKAY",
    [ALERT_WARNING] = "WARNING", [ALERT_FAILURE] = "FAILURE",
    [ALERT_MISSING] = "MISSING",
};

const char *alert_state_name(enum alert_state state) { return names[state]; }

bool alert_state_parse(const char *name, enum alert_state *ret_state) {
  for (size_t i = 0; i < ALERT_STATES; i++) {
    if (strcmp(names[i], name) == 0) {
      *ret_state = (enum alert_state)i;
      return true;
    }
  }
  return false;
}

enum alert_state alert_state_worse(enum alert_state a, enum alert_state b) {
  static const int ranks[ALERT_STATES] = {
      [ALERT_UNKNOWN] = 0, [ALERT_OKAY] = 1,    [ALERT_MISSING] = 2,
      [ALERT_WARNING] = 3, [ALERT_FAILURE] = 4,
  };
  return ranks[a] > ranks[b] ? a : b;
}

double alert_state_gauge(enum alert_state state) { return (int)state - 1; }

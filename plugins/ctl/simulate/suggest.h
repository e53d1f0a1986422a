/* SPDX-License-Identifier: MIT */
/* suggest: which For or Hysteresis would have kept a rule from flapping. */
#ifndef CTL_SIMULATE_SUGGEST_H
#define CTL_SIMULATE_SUGGEST_H

#include "ctl/simulate/replay.h"

/* Replays with other values for every rule of which BEFORE has flaps, and
 * prints a line each. options: changed, and put back.
 * Returns 0 or negative errno with a text. */
int suggest_print(struct replay_wish *wish,
                  struct resource_alert_options *options,
                  const struct replay_result *before, struct error *error);

#endif

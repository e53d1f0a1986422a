/* SPDX-License-Identifier: MIT */
/* simulated_response: one response on a clock that the caller sets. */
#ifndef CTL_SIMULATE_SIMULATED_RESPONSE_H
#define CTL_SIMULATE_SIMULATED_RESPONSE_H

#include "ctl/simulate/simulator.h"
#include "resource_alert/responses/response.h"

struct simulated_response {
  struct response response;
  const struct response_options *options; /* borrowed */
  size_t index;
  int64_t wake_ms; /* when something is due though no rule changes */
};

/* Returns 0 or -ENOMEM; all zero on entry; fini also after a failure. */
int simulated_response_init(struct simulated_response *simulated,
                            const struct response_options *options,
                            size_t index,
                            const struct resource_alert_options *table,
                            int64_t now_ms);
void simulated_response_fini(struct simulated_response *simulated);

/* Does all that is due. rules: the worst state of each rule. */
void simulated_response_step(struct simulated_response *simulated,
                             const enum alert_state *rules, int64_t now_ms,
                             const struct simulator_listener *listener);

#endif

/* SPDX-License-Identifier: MIT */
/* simulated_response: one response on a clock that the caller turns. */
#ifndef CTL_SIMULATE_SIMULATED_RESPONSE_H
#define CTL_SIMULATE_SIMULATED_RESPONSE_H

#include "ctl/simulate/simulator.h"
#include "resource_alert/responses/trigger.h"

#define REHEARSAL_ACTION_BYTES 192

struct rehearsal_response {
  struct response machine;
  struct trigger trigger;
  char (*names)[REHEARSAL_ACTION_BYTES]; /* of the actions */
  size_t index;
  int64_t wake_ms; /* when something is due though no rule changes */
};

/* Returns 0 or -ENOMEM; all zero on entry; fini also after a failure. */
int rehearsal_response_init(struct rehearsal_response *response,
                            const struct response_options *options,
                            size_t index,
                            const struct resource_alert_options *table,
                            int64_t now_ms);
void rehearsal_response_fini(struct rehearsal_response *response);

/* Does all that is due. rules: the worst state of each rule. */
void rehearsal_response_step(struct rehearsal_response *response,
                             const enum alert_state *rules, int64_t now_ms,
                             const struct rehearsal_listener *listener);

#endif

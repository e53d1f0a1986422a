/* SPDX-License-Identifier: MIT */
/* process_values: what is told of processes. */
#include "statgrab/process_values.h"

#include <math.h>

static const char *const state_names[PROCESS_STATES] = {
    [PROCESS_RUNNING] = "running", [PROCESS_SLEEPING] = "sleeping",
    [PROCESS_BLOCKED] = "blocked", [PROCESS_STOPPED] = "stopped",
    [PROCESS_ZOMBIE] = "zombies",  [PROCESS_IDLE] = "idle",
};

void processes_put(const struct process_facts *facts, uint64_t forks,
                   const struct outlets *outlets) {
  struct sample count = {
      .type = "ps_count",
      .type_instance = "",
      .kind = SAMPLE_GAUGE,
      .values_len = 2,
      .values = {{.gauge = (double)facts->count},
                 {.gauge = facts->threads == FACT_UNKNOWN
                               ? (double)NAN
                               : (double)facts->threads}},
  };
  outlet_put_sample(&outlets->own, "", &count);
  for (size_t i = 0; i < PROCESS_STATES; i++) {
    outlet_put_amount(&outlets->common, "", "ps_state", state_names[i],
                      facts->states[i]);
  }
  outlet_put_counter(&outlets->common, "", "fork_rate", "", forks);
}

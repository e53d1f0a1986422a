/* SPDX-License-Identifier: MIT */
/* process_values: what is told of processes and of the files they have open. */
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

void handles_put(const struct handle_facts *facts,
                 const struct fhcount_options *options,
                 const struct outlets *outlets) {
  const struct {
    const char *name;
    uint64_t handles;
  } parts[] = {
      {"used", facts->used}, {"unused", facts->unused}, {"max", facts->max}};
  for (size_t i = 0; i < 3; i++) {
    if (options->values_absolute) {
      outlet_put_amount(&outlets->common, "", "file_handles", parts[i].name,
                        parts[i].handles);
    }
    if (options->values_percentage && i < 2 && facts->max > 0) {
      outlet_put(&outlets->common, "", "percent", parts[i].name,
                 100.0 * (double)parts[i].handles / (double)facts->max);
    }
  }
}

/* SPDX-License-Identifier: MIT */
/* metrics_process: values of processes and of open files. */
#include "statgrab/metrics.h"

#include <math.h>

/* Type instances, as in the native plugin. */
static const char *const process_state_names[PROCESS_STATES] = {
    [PROCESS_RUNNING] = "running", [PROCESS_SLEEPING] = "sleeping",
    [PROCESS_BLOCKED] = "blocked", [PROCESS_STOPPED] = "stopped",
    [PROCESS_ZOMBIE] = "zombies",  [PROCESS_IDLE] = "idle",
};

void metrics_send_processes(const struct stats_processes *stats, uint64_t forks,
                            const struct emitter *emitter) {
  const double counts[] = {(double)stats->count, stats->threads == STATS_UNKNOWN
                                                     ? (double)NAN
                                                     : (double)stats->threads};
  emitter_send_gauges(&emitter->own, "ps_count", "", counts, 2);
  for (size_t i = 0; i < PROCESS_STATES; i++) {
    emitter_send_amount(&emitter->common, "ps_state", process_state_names[i],
                        stats->states[i]);
  }
  emitter_send_counter(&emitter->common, "fork_rate", "", forks);
}

void metrics_send_handles(const struct stats_handles *stats,
                          const struct fhcount_options *options,
                          const struct emitter *emitter) {
  const struct {
    const char *name;
    uint64_t handles;
  } parts[] = {
      {"used", stats->used}, {"unused", stats->unused}, {"max", stats->max}};
  for (size_t i = 0; i < 3; i++) {
    if (options->values_absolute) {
      emitter_send_amount(&emitter->common, "file_handles", parts[i].name,
                          parts[i].handles);
    }
    /* The maximum is 100 % of itself: not sent. */
    if (options->values_percentage && i < 2 && stats->max > 0) {
      emitter_send_gauge(&emitter->common, "percent", parts[i].name,
                         100.0 * (double)parts[i].handles / (double)stats->max);
    }
  }
}

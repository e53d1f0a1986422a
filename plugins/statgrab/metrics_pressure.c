/* SPDX-License-Identifier: MIT */
/* metrics_pressure: values of waiting for resources and of the limits of a
 * container. */
#include "statgrab/metrics.h"

#include <math.h>
#include <stdio.h>

static const char *const resource_names[PRESSURE_RESOURCES] = {
    [PRESSURE_CPU] = "cpu",
    [PRESSURE_MEMORY] = "memory",
    [PRESSURE_IO] = "io",
};

/* Type instances such as "some_avg10". share: "some" or "full". Sends nothing
 * where the kernel has no such line. */
static void send_pressure_line(const struct stats_pressure_line *line,
                               const char *share,
                               const struct emitter_sink *sink) {
  static const char *const windows[] = {"avg10", "avg60", "avg300"};
  if (line->total_us == STATS_UNKNOWN) {
    return;
  }
  for (size_t i = 0; i < 3; i++) {
    char name[32];
    (void)snprintf(name, sizeof(name), "%s_%s", share, windows[i]);
    emitter_send_gauge(sink, "percent", name, line->percent[i]);
  }
  emitter_send_counter(sink, "total_time_in_ms", share, line->total_us / 1000);
}

void metrics_send_pressure(const struct stats_pressure *stats,
                           const struct emitter *emitter) {
  for (size_t i = 0; i < PRESSURE_RESOURCES; i++) {
    struct emitter_sink sink = emitter->own;
    sink.item = resource_names[i];
    send_pressure_line(&stats->lines[i][0], "some", &sink);
    /* For processors 0 by definition: Documentation/accounting/psi.rst. */
    if (i != PRESSURE_CPU) {
      send_pressure_line(&stats->lines[i][1], "full", &sink);
    }
  }
}

void metrics_send_cgroup(const struct stats_cgroup *stats, uint64_t online,
                         const struct emitter *emitter) {
  const struct emitter_sink *sink = &emitter->own;
  if (stats->memory_limit != STATS_UNKNOWN && stats->memory_limit > 0) {
    emitter_send_amount(sink, "memory", "limit", stats->memory_limit);
    emitter_send_amount(sink, "memory", "used", stats->memory_used);
    emitter_send_gauge(sink, "percent", "used",
                       fmin(100.0, 100.0 * (double)stats->memory_used /
                                       (double)stats->memory_limit));
  }
  if (!isnan(stats->cpu_quota)) {
    emitter_send_gauge(sink, "count", "cpus",
                       metrics_usable_processors(online, stats));
    emitter_send_counter(sink, "total_events", "throttled", stats->throttled);
    emitter_send_counter(sink, "total_time_in_ms", "throttled",
                         stats->throttled_us == STATS_UNKNOWN
                             ? STATS_UNKNOWN
                             : stats->throttled_us / 1000);
  }
}

double metrics_usable_processors(uint64_t online,
                                 const struct stats_cgroup *stats) {
  double processors = stats->cpu_quota;
  if (online != STATS_UNKNOWN) {
    processors = fmin(processors, (double)online); /* NaN gives way */
  }
  if (stats->affinity != STATS_UNKNOWN) {
    processors = fmin(processors, (double)stats->affinity);
  }
  return processors;
}

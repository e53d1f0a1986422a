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
                               const struct emitter *emitter) {
  static const char *const windows[] = {"avg10", "avg60", "avg300"};
  if (line->total_us == STATS_UNKNOWN) {
    return;
  }
  for (size_t i = 0; i < 3; i++) {
    char name[32];
    (void)snprintf(name, sizeof(name), "%s_%s", share, windows[i]);
    emitter_send_gauge(emitter, "percent", name, line->percent[i]);
  }
  emitter_send_counter(emitter, "total_time_in_ms", share,
                       line->total_us / 1000);
}

void metrics_send_pressure(const struct stats_pressure *stats,
                           const struct emitter *emitter) {
  for (size_t i = 0; i < PRESSURE_RESOURCES; i++) {
    const struct emitter of_one = {emitter->sink, emitter->prefix,
                                   resource_names[i]};
    send_pressure_line(&stats->lines[i][0], "some", &of_one);
    /* For processors 0 by definition: Documentation/accounting/psi.rst. */
    if (i != PRESSURE_CPU) {
      send_pressure_line(&stats->lines[i][1], "full", &of_one);
    }
  }
}

void metrics_send_cgroup(const struct stats_cgroup *stats, uint64_t online,
                         const struct emitter *emitter) {
  if (stats->memory_limit != STATS_UNKNOWN && stats->memory_limit > 0) {
    emitter_send_amount(emitter, "memory", "limit", stats->memory_limit);
    emitter_send_amount(emitter, "memory", "used", stats->memory_used);
    emitter_send_gauge(emitter, "percent", "used",
                       fmin(100.0, 100.0 * (double)stats->memory_used /
                                       (double)stats->memory_limit));
  }
  if (!isnan(stats->cpu_quota)) {
    emitter_send_gauge(emitter, "count", "cpus",
                       metrics_usable_processors(online, stats));
    emitter_send_counter(emitter, "total_events", "throttled",
                         stats->throttled);
    emitter_send_counter(emitter, "total_time_in_ms", "throttled",
                         stats->throttled_us == STATS_UNKNOWN
                             ? STATS_UNKNOWN
                             : stats->throttled_us / 1000);
  }
}

static double compute_limit_percent(uint64_t used, uint64_t limit) {
  return used == STATS_UNKNOWN || limit == STATS_UNKNOWN || limit == 0
             ? (double)NAN
             : fmin(100.0, 100.0 * (double)used / (double)limit);
}

/* Share of the quota's periods in which the group was stopped, since the last
 * read. NaN without a period, or when a group of that name has started again.
 */
static double compute_throttled_percent(const struct stats_group *row) {
  bool is_known = row->periods != STATS_UNKNOWN &&
                  row->periods_before != STATS_UNKNOWN &&
                  row->periods > row->periods_before &&
                  row->throttled >= row->throttled_before;
  return is_known ? 100.0 * (double)(row->throttled - row->throttled_before) /
                        (double)(row->periods - row->periods_before)
                  : (double)NAN;
}

static void send_group(const struct stats_group *row,
                       const struct emitter *group) {
  const struct emitter emitter = {group->sink, group->prefix, row->name};
  if (row->memory.limit != STATS_UNKNOWN) {
    emitter_send_amount(&emitter, "memory", "limit", row->memory.limit);
    emitter_send_amount(&emitter, "memory", "used", row->memory_used);
  }
  emitter_send_gauge(
      &emitter, "percent", "used",
      compute_limit_percent(row->memory_used, row->memory.limit));
  emitter_send_gauge(&emitter, "percent", "pids",
                     compute_limit_percent(row->pids_used, row->pids.limit));
  emitter_send_gauge(&emitter, "percent", "throttled",
                     compute_throttled_percent(row));
  emitter_send_gauge(&emitter, "percent", "memory_full_avg60",
                     row->memory_pressure);
  emitter_send_counter(&emitter, "total_events", "oom_kill", row->oom_kills);
  emitter_send_counter(&emitter, "total_time_in_ms", "throttled",
                       row->throttled_us == STATS_UNKNOWN
                           ? STATS_UNKNOWN
                           : row->throttled_us / 1000);
}

void metrics_send_groups(const struct stats_group_table *table,
                         const struct emitter *emitter) {
  for (size_t i = 0; i < table->len; i++) {
    send_group(&table->rows[i], emitter);
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

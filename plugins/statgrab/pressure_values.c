/* SPDX-License-Identifier: MIT */
/* pressure_values: what is told of waiting for resources and of the limits of
 * a container. */
#include "statgrab/pressure_values.h"

#include <math.h>
#include <stdio.h>

static const char *const resource_names[PRESSURE_RESOURCES] = {
    [PRESSURE_CPU] = "cpu",
    [PRESSURE_MEMORY] = "memory",
    [PRESSURE_IO] = "io",
};

static void put_line(const struct pressure_line *line, const char *item,
                     const char *share, const struct outlet *outlet) {
  const struct {
    const char *window;
    double percent;
  } averages[] = {
      {"avg10", line->avg10}, {"avg60", line->avg60}, {"avg300", line->avg300}};
  if (line->total_us == FACT_UNKNOWN) {
    return;
  }
  for (size_t i = 0; i < 3; i++) {
    char name[32];
    (void)snprintf(name, sizeof(name), "%s_%s", share, averages[i].window);
    outlet_put(outlet, item, "percent", name, averages[i].percent);
  }
  outlet_put_counter(outlet, item, "total_time_in_ms", share,
                     line->total_us / 1000);
}

void pressure_put(const struct pressure_facts *facts,
                  const struct outlets *outlets) {
  for (size_t i = 0; i < PRESSURE_RESOURCES; i++) {
    put_line(&facts->some[i], resource_names[i], "some", &outlets->own);
    if (i != PRESSURE_CPU) { /* 0 by definition, Documentation/accounting/psi */
      put_line(&facts->full[i], resource_names[i], "full", &outlets->own);
    }
  }
}

void cgroup_put(const struct cgroup_facts *facts, double processors,
                const struct outlets *outlets) {
  const struct outlet *outlet = &outlets->own;
  if (facts->memory_limit != FACT_UNKNOWN && facts->memory_limit > 0) {
    outlet_put_amount(outlet, "", "memory", "limit", facts->memory_limit);
    outlet_put_amount(outlet, "", "memory", "used", facts->memory_used);
    outlet_put(outlet, "", "percent", "used",
               fmin(100.0, 100.0 * (double)facts->memory_used /
                               (double)facts->memory_limit));
  }
  if (!isnan(facts->cpu_quota)) {
    outlet_put(outlet, "", "count", "cpus", processors);
    outlet_put_counter(outlet, "", "total_events", "throttled",
                       facts->throttled);
    outlet_put_counter(outlet, "", "total_time_in_ms", "throttled",
                       facts->throttled_us == FACT_UNKNOWN
                           ? FACT_UNKNOWN
                           : facts->throttled_us / 1000);
  }
}

double usable_processors(uint64_t online, uint64_t affinity, double quota) {
  double processors = quota;
  if (online != FACT_UNKNOWN) {
    processors = fmin(processors, (double)online); /* NaN gives way */
  }
  if (affinity != FACT_UNKNOWN) {
    processors = fmin(processors, (double)affinity);
  }
  return processors;
}

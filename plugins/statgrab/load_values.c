/* SPDX-License-Identifier: MIT */
/* load_values: what is told of the load average. */
#include "statgrab/load_values.h"

static void put_load(const struct load_facts *facts, double cores,
                     const char *type_instance, const struct outlet *outlet) {
  struct sample sample = {
      .type = "load",
      .type_instance = type_instance,
      .kind = SAMPLE_GAUGE,
      .values_len = 3,
      .values = {{.gauge = facts->minutes_1 / cores},
                 {.gauge = facts->minutes_5 / cores},
                 {.gauge = facts->minutes_15 / cores}},
  };
  outlet_put_sample(outlet, "", &sample);
}

void load_put(const struct load_facts *facts, double cores,
              const struct load_options *options,
              const struct outlets *outlets) {
  put_load(facts, 1, "", &outlets->common);
  if (options->report_relative && cores > 0) {
    put_load(facts, cores, "relative", &outlets->common);
  }
}

/* SPDX-License-Identifier: MIT */
/* outlet: under which names a group of values leaves. */
#include "statgrab/outlet.h"

#include <math.h>
#include <stdio.h>

void outlet_put_sample(const struct outlet *outlet, const char *item,
                       struct sample *sample) {
  char name[OUTLET_NAME_BYTES];
  if (item[0] == '\0' || outlet->prefix[0] == '\0') {
    sample->plugin_instance = item[0] == '\0' ? outlet->prefix : item;
  } else {
    (void)snprintf(name, sizeof(name), "%s-%s", outlet->prefix, item);
    sample->plugin_instance = name;
  }
  outlet->sink.put(outlet->sink.context, sample);
}

void outlet_put(const struct outlet *outlet, const char *item, const char *type,
                const char *type_instance, double value) {
  if (isnan(value)) {
    return;
  }
  struct sample sample = {
      .type = type,
      .type_instance = type_instance,
      .kind = SAMPLE_GAUGE,
      .values_len = 1,
      .values = {{.gauge = value}},
  };
  outlet_put_sample(outlet, item, &sample);
}

void outlet_put_amount(const struct outlet *outlet, const char *item,
                       const char *type, const char *type_instance,
                       uint64_t value) {
  outlet_put(outlet, item, type, type_instance,
             value == FACT_UNKNOWN ? (double)NAN : (double)value);
}

/* collectd's counters are signed; a kernel's that has its top bit set would
 * be negative there. */
static int64_t as_derive(uint64_t value) {
  return (int64_t)(value & INT64_MAX);
}

void outlet_put_counter(const struct outlet *outlet, const char *item,
                        const char *type, const char *type_instance,
                        uint64_t value) {
  if (value == FACT_UNKNOWN) {
    return;
  }
  struct sample sample = {
      .type = type,
      .type_instance = type_instance,
      .kind = SAMPLE_DERIVE,
      .values_len = 1,
      .values = {{.derive = as_derive(value)}},
  };
  outlet_put_sample(outlet, item, &sample);
}

void outlet_put_counters(const struct outlet *outlet, const char *item,
                         const char *type, const char *type_instance,
                         uint64_t first, uint64_t second) {
  if (first == FACT_UNKNOWN || second == FACT_UNKNOWN) {
    return;
  }
  struct sample sample = {
      .type = type,
      .type_instance = type_instance,
      .kind = SAMPLE_DERIVE,
      .values_len = 2,
      .values = {{.derive = as_derive(first)}, {.derive = as_derive(second)}},
  };
  outlet_put_sample(outlet, item, &sample);
}

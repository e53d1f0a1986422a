/* SPDX-License-Identifier: MIT */
/* memory_values: what is told of memory. */
#include "statgrab/memory_values.h"

#include <math.h>

struct part {
  const char *name;
  uint64_t bytes;
};

static uint64_t or_zero(uint64_t bytes) {
  return bytes == FACT_UNKNOWN ? 0 : bytes;
}

double memory_used_percent(const struct memory_facts *facts) {
  if (facts->total == FACT_UNKNOWN || facts->available == FACT_UNKNOWN ||
      facts->total == 0) {
    return (double)NAN;
  }
  uint64_t available =
      facts->available < facts->total ? facts->available : facts->total;
  return 100.0 * (double)(facts->total - available) / (double)facts->total;
}

static void put_parts(const struct memory_facts *facts,
                      const struct part *parts, size_t parts_len,
                      const struct memory_options *options,
                      const struct outlet *outlet) {
  for (size_t i = 0; i < parts_len; i++) {
    if (options->values_absolute) {
      outlet_put_amount(outlet, "", "memory", parts[i].name, parts[i].bytes);
    }
    if (options->values_percentage && parts[i].bytes != FACT_UNKNOWN) {
      outlet_put(outlet, "", "percent", parts[i].name,
                 100.0 * (double)parts[i].bytes / (double)facts->total);
    }
  }
}

/* What remains of the total; as psutil, never negative. */
static uint64_t rest_of(const struct memory_facts *facts, uint64_t known) {
  if (known <= facts->total) {
    return facts->total - known;
  }
  return facts->total - (facts->free < facts->total ? facts->free : 0);
}

static void put_own(const struct memory_facts *facts,
                    const struct memory_options *options,
                    const struct outlet *outlet) {
  uint64_t cached = facts->cached;
  if (cached != FACT_UNKNOWN) {
    cached += or_zero(facts->slab_reclaimable);
  }
  const struct part parts[] = {
      {"used", rest_of(facts, facts->free + or_zero(facts->buffered) +
                                  or_zero(cached))},
      {"free", facts->free},
      {"buffered", facts->buffered},
      {"cached", cached},
  };
  /* percent-used has a meaning of its own here and is not one of the parts. */
  const struct memory_options absolute = {.values_absolute =
                                              options->values_absolute};
  put_parts(facts, parts, 1, &absolute, outlet);
  put_parts(facts, parts + 1, sizeof(parts) / sizeof(parts[0]) - 1, options,
            outlet);
}

static void put_native(const struct memory_facts *facts,
                       const struct memory_options *options,
                       const struct outlet *outlet) {
  uint64_t slab =
      or_zero(facts->slab_reclaimable) + or_zero(facts->slab_unreclaimable);
  uint64_t known =
      facts->free + or_zero(facts->buffered) + or_zero(facts->cached) + slab;
  const struct part parts[] = {
      {"used", rest_of(facts, known)},
      {"buffered", facts->buffered},
      {"cached", facts->cached},
      {"free", facts->free},
      {"slab_unrecl", facts->slab_unreclaimable},
      {"slab_recl", facts->slab_reclaimable},
  };
  put_parts(facts, parts, sizeof(parts) / sizeof(parts[0]), options, outlet);
}

void memory_put(const struct memory_facts *facts,
                const struct memory_options *options,
                const struct outlets *outlets) {
  outlet_put(&outlets->own, "", "percent", "used", memory_used_percent(facts));
  if (options->values_absolute) {
    outlet_put_amount(&outlets->own, "", "memory", "available",
                      facts->available);
  }
  if (outlets->is_native) {
    put_native(facts, options, &outlets->common);
  } else {
    put_own(facts, options, &outlets->common);
  }
}

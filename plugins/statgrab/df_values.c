/* SPDX-License-Identifier: MIT */
/* df_values: what is told of a file system. */
#include "statgrab/df_values.h"

#include <math.h>

/* Bytes or inodes, so that they add up whatever a file system claims. */
struct parts {
  double used;
  double free;     /* for everybody */
  double reserved; /* for root */
};

static struct parts parts_of(uint64_t total, uint64_t free,
                             uint64_t available) {
  free = free < available ? available : free;
  total = total < free ? free : total;
  return (struct parts){
      .used = (double)(total - free),
      .free = (double)available,
      .reserved = (double)(free - available),
  };
}

static struct parts bytes_of(const struct usage_facts *facts) {
  return parts_of(facts->size, facts->free, facts->available);
}

double df_used_percent(const struct usage_facts *facts) {
  struct parts bytes = bytes_of(facts);
  double total = bytes.used + bytes.free;
  return total > 0 ? 100.0 * bytes.used / total : (double)NAN;
}

static void put_parts(const struct parts *parts, const char *item,
                      const char *type, double unit,
                      const struct outlet *outlet) {
  outlet_put(outlet, item, type, "free", parts->free * unit);
  outlet_put(outlet, item, type, "reserved", parts->reserved * unit);
  outlet_put(outlet, item, type, "used", parts->used * unit);
}

static void put_both(const struct parts *parts, const char *item,
                     const char *absolute, const char *relative,
                     const struct df_options *options,
                     const struct outlet *outlet) {
  if (options->values_absolute) {
    put_parts(parts, item, absolute, 1, outlet);
  }
  if (options->values_percentage) {
    double total = parts->used + parts->free + parts->reserved;
    put_parts(parts, item, relative, 100.0 / total, outlet);
  }
}

void df_put(const struct usage_facts *facts, const char *item,
            const struct df_options *options, const struct outlets *outlets) {
  if (facts->size == 0 || facts->size == FACT_UNKNOWN) {
    return;
  }
  double used = df_used_percent(facts);
  outlet_put(&outlets->own, item, "percent", "used", used);
  outlet_put(&outlets->own, item, "percent", "free", 100.0 - used);
  struct parts bytes = bytes_of(facts);
  put_both(&bytes, item, "df_complex", "percent_bytes", options,
           &outlets->common);
  bool has_inodes = facts->inodes != 0 && facts->inodes != FACT_UNKNOWN;
  if (options->report_inodes && has_inodes) {
    struct parts inodes =
        parts_of(facts->inodes, facts->inodes_free, facts->inodes_available);
    put_both(&inodes, item, "df_inodes", "percent_inodes", options,
             &outlets->common);
  }
}

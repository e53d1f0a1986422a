/* SPDX-License-Identifier: MIT */
/* outlet: under which names a group of values leaves. */
#ifndef STATGRAB_OUTLET_H
#define STATGRAB_OUTLET_H

#include "core/metric.h"
#include "statgrab/facts.h"

/* Bytes of a plugin instance, collectd's DATA_MAX_NAME_LEN. */
#define OUTLET_NAME_BYTES 128

/* prefix: what the plugin instance begins with, "" for nothing. */
struct outlet {
  struct sample_sink sink;
  const char *prefix;
};

/* own: for what no native plugin of collectd has, always under our name.
 * common: for what a native plugin has too; leaves under the native plugin's
 * name where NativeNames is set. is_native: that is so. */
struct outlets {
  struct outlet own;
  struct outlet common;
  bool is_native;
};

/* item: which of several (a disk, a file system), "" for none; it has been
 * through name_clean(). A value that is FACT_UNKNOWN or NaN is left out. */
void outlet_put(const struct outlet *outlet, const char *item, const char *type,
                const char *type_instance, double value);
void outlet_put_amount(const struct outlet *outlet, const char *item,
                       const char *type, const char *type_instance,
                       uint64_t value);
void outlet_put_counter(const struct outlet *outlet, const char *item,
                        const char *type, const char *type_instance,
                        uint64_t value);

/* A type of two counters; left out if either is unknown. */
void outlet_put_counters(const struct outlet *outlet, const char *item,
                         const char *type, const char *type_instance,
                         uint64_t first, uint64_t second);

/* Any sample; its plugin instance is put in from outlet and item. */
void outlet_put_sample(const struct outlet *outlet, const char *item,
                       struct sample *sample);

#endif

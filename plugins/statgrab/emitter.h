/* SPDX-License-Identifier: MIT */
/* emitter: sends values under the names that a collectd series can have. */
#pragma once

#include "core/metric.h"
#include "statgrab/stats.h"

/* Bytes of a plugin instance, collectd's DATA_MAX_NAME_LEN. */
#define EMITTER_NAME_BYTES 128

/* Bytes of the name of one disk, interface or file system: leaves room for
 * "interface-" in a plugin instance. */
#define EMITTER_ITEM_BYTES 112

/* Where the values of a group go. prefix: what the plugin instance begins with;
 * item: which of several (a disk, a file system) the values are of, a name made
 * by text_make_name(). "" for none; both borrowed. */
struct emitter {
  struct sample_sink sink;
  const char *prefix;
  const char *item;
};

/* Each sends one value, unless it is STATS_UNKNOWN or NaN. */
void emitter_send_gauge(const struct emitter *emitter, const char *type,
                        const char *type_instance, double value);
void emitter_send_amount(const struct emitter *emitter, const char *type,
                         const char *type_instance, uint64_t value);
void emitter_send_counter(const struct emitter *emitter, const char *type,
                          const char *type_instance, uint64_t value);

/* For a type of two counters, such as read and write; neither is sent where one
 * of them is STATS_UNKNOWN. */
void emitter_send_counter_pair(const struct emitter *emitter, const char *type,
                               const char *type_instance, uint64_t first,
                               uint64_t second);

/* For a type of several gauges, some of which may be NaN. */
void emitter_send_gauges(const struct emitter *emitter, const char *type,
                         const char *type_instance, const double *values,
                         size_t len);

/* The name of a mount point: "root" for /, else the path without its first
 * slash, by text_make_name(). */
void emitter_make_path_name(const char *path, char name[EMITTER_ITEM_BYTES]);

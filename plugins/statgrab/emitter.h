/* SPDX-License-Identifier: MIT */
/* emitter: sends values under the names that a collectd series can have. */
#ifndef STATGRAB_EMITTER_H
#define STATGRAB_EMITTER_H

#include "core/metric.h"
#include "statgrab/stats.h"

/* Bytes of a plugin instance, collectd's DATA_MAX_NAME_LEN. */
#define EMITTER_NAME_BYTES 128

/* Bytes of the name of one disk, interface or file system: leaves room for
 * "interface-" in a plugin instance. */
#define EMITTER_ITEM_BYTES 112

/* prefix: what the plugin instance begins with, "" for nothing. */
struct emitter_sink {
  struct sample_sink sink;
  const char *prefix;
};

/* The sinks of a group. own: for values that no native plugin of collectd has,
 * always under our name. common: for values that a native plugin has, too;
 * under the native plugin's name where NativeNames is set. is_native: whether
 * it is set. */
struct emitter {
  struct emitter_sink own;
  struct emitter_sink common;
  bool is_native;
};

/* item: which of several (a disk, a file system), "" for none; a name made by
 * the functions below. A value that is STATS_UNKNOWN or NaN is not sent. */
void emitter_send_gauge(const struct emitter_sink *sink, const char *item,
                        const char *type, const char *type_instance,
                        double value);
void emitter_send_amount(const struct emitter_sink *sink, const char *item,
                         const char *type, const char *type_instance,
                         uint64_t value);
void emitter_send_counter(const struct emitter_sink *sink, const char *item,
                          const char *type, const char *type_instance,
                          uint64_t value);

/* For a type of two counters; not sent if either is unknown. */
void emitter_send_counter_pair(const struct emitter_sink *sink,
                               const char *item, const char *type,
                               const char *type_instance, uint64_t first,
                               uint64_t second);

/* Sends any sample; its plugin instance is set from sink and item. */
void emitter_send_sample(const struct emitter_sink *sink, const char *item,
                         struct sample *sample);

/* Makes a name from any bytes: '/' becomes '-'; control characters, and bytes
 * that are not UTF-8, become '_'. A name that is too long is cut and ends in a
 * hash of the whole text, so that two long names stay different. */
void emitter_clean_name(const char *text, char name[EMITTER_ITEM_BYTES]);

/* The name of a mount point: "root" for /, else the path without its first
 * slash, cleaned. */
void emitter_name_of_path(const char *path, char name[EMITTER_ITEM_BYTES]);

/* The name of a device: without /dev/, cleaned. */
void emitter_name_of_device(const char *device, char name[EMITTER_ITEM_BYTES]);

/* Puts "-" and a hash of TEXT at the end of NAME: for a name that two share. */
void emitter_append_hash(const char *text, char name[EMITTER_ITEM_BYTES]);

#endif

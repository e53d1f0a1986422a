/* SPDX-License-Identifier: MIT */
/* metrics_memory: values of memory, swap space and paging. */
#include "statgrab/metrics.h"

#include <math.h>

/* In which units the parts of a total are sent. */
struct part_units {
  bool absolute;
  bool percentage;
};

/* Sends a part of TOTAL, which is not 0 unless the part is 0, too. */
static void send_part(const struct emitter_sink *sink, const char *type,
                      const char *name, uint64_t bytes, uint64_t total,
                      struct part_units units) {
  if (units.absolute) {
    emitter_send_amount(sink, type, name, bytes);
  }
  if (units.percentage && bytes != STATS_UNKNOWN) {
    emitter_send_gauge(sink, "percent", name,
                       total == 0 ? 0 : 100.0 * (double)bytes / (double)total);
  }
}

/* ---- memory ---- */

static uint64_t zero_if_unknown(uint64_t bytes) {
  return bytes == STATS_UNKNOWN ? 0 : bytes;
}

double metrics_memory_used_percent(const struct stats_memory *stats) {
  if (stats->total == STATS_UNKNOWN || stats->available == STATS_UNKNOWN ||
      stats->total == 0) {
    return (double)NAN;
  }
  uint64_t available =
      stats->available < stats->total ? stats->available : stats->total;
  return 100.0 * (double)(stats->total - available) / (double)stats->total;
}

/* Returns the total without KNOWN; total - free where that would be negative,
 * as in psutil (some containers report more cache than memory). */
static uint64_t subtract_from_total(const struct stats_memory *stats,
                                    uint64_t known) {
  if (known <= stats->total) {
    return stats->total - known;
  }
  return stats->total - (stats->free < stats->total ? stats->free : 0);
}

/* psutil's parts: used = total - free - buffers - cached, where cached
 * includes the reclaimable slab. */
static void send_psutil_memory(const struct stats_memory *stats,
                               struct part_units units,
                               const struct emitter_sink *sink) {
  uint64_t cached = stats->cached;
  if (cached != STATS_UNKNOWN) {
    cached += zero_if_unknown(stats->slab_reclaimable);
  }
  uint64_t used = subtract_from_total(
      stats,
      stats->free + zero_if_unknown(stats->buffered) + zero_if_unknown(cached));
  /* percent-used has another meaning: (total - available) / total. */
  const struct part_units used_units = {.absolute = units.absolute};
  send_part(sink, "memory", "used", used, stats->total, used_units);
  send_part(sink, "memory", "free", stats->free, stats->total, units);
  send_part(sink, "memory", "buffered", stats->buffered, stats->total, units);
  send_part(sink, "memory", "cached", cached, stats->total, units);
}

/* The parts of collectd's memory plugin. */
static void send_native_memory(const struct stats_memory *stats,
                               struct part_units units,
                               const struct emitter_sink *sink) {
  uint64_t used = subtract_from_total(
      stats, stats->free + zero_if_unknown(stats->buffered) +
                 zero_if_unknown(stats->cached) +
                 zero_if_unknown(stats->slab_reclaimable) +
                 zero_if_unknown(stats->slab_unreclaimable));
  const struct {
    const char *name;
    uint64_t bytes;
  } parts[] = {
      {"used", used},
      {"buffered", stats->buffered},
      {"cached", stats->cached},
      {"free", stats->free},
      {"slab_unrecl", stats->slab_unreclaimable},
      {"slab_recl", stats->slab_reclaimable},
  };
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    send_part(sink, "memory", parts[i].name, parts[i].bytes, stats->total,
              units);
  }
}

void metrics_send_memory(const struct stats_memory *stats,
                         const struct memory_options *options,
                         const struct emitter *emitter) {
  const struct part_units units = {options->values_absolute,
                                   options->values_percentage};
  emitter_send_gauge(&emitter->own, "percent", "used",
                     metrics_memory_used_percent(stats));
  if (options->values_absolute) {
    emitter_send_amount(&emitter->own, "memory", "available", stats->available);
  }
  if (emitter->is_native) {
    send_native_memory(stats, units, &emitter->common);
  } else {
    send_psutil_memory(stats, units, &emitter->common);
  }
}

/* ---- swap space and paging ---- */

bool metrics_send_swap(const struct stats_memory *stats,
                       const struct swap_options *options,
                       const struct emitter *emitter) {
  if (stats->swap_total == STATS_UNKNOWN || stats->swap_free == STATS_UNKNOWN) {
    return false;
  }
  uint64_t total = stats->swap_total;
  uint64_t free = stats->swap_free < total ? stats->swap_free : total;
  uint64_t used = total - free;
  emitter_send_gauge(&emitter->own, "percent", "used",
                     total == 0 ? 0 : 100.0 * (double)used / (double)total);
  /* Pages that are also in memory: used in psutil, free in the native plugin.
   */
  uint64_t cached = stats->swap_cached;
  if (emitter->is_native && cached != STATS_UNKNOWN) {
    used -= cached < used ? cached : used;
  }
  const struct part_units units = {options->values_absolute,
                                   options->values_percentage};
  /* Under our names percent-used is the value above, sent in any case. */
  const struct part_units used_units = {units.absolute,
                                        units.percentage && emitter->is_native};
  const struct emitter_sink *sink = &emitter->common;
  send_part(sink, "swap", "used", used, total, used_units);
  send_part(sink, "swap", "free", free, total, units);
  send_part(sink, "swap", "cached", cached, total, units);
  return true;
}

void metrics_send_swap_io(const struct stats_paging *stats, uint64_t page_bytes,
                          const struct swap_options *options,
                          const struct emitter *emitter) {
  uint64_t in = stats->swap_in_pages;
  uint64_t out = stats->swap_out_pages;
  uint64_t unit = options->report_bytes ? page_bytes : 1;
  if (in == STATS_UNKNOWN || out == STATS_UNKNOWN) {
    return;
  }
  emitter_send_counter(&emitter->common, "swap_io", "in", in * unit);
  emitter_send_counter(&emitter->common, "swap_io", "out", out * unit);
}

void metrics_send_paging(const struct stats_paging *stats,
                         const struct emitter *emitter) {
#define PAGING(FIELD) offsetof(struct stats_paging, FIELD)
  static const struct emitter_counters rows[] = {
      {"vmpage_io", "memory", PAGING(disk_in_kib), PAGING(disk_out_kib), false},
      {"vmpage_io", "swap", PAGING(swap_in_pages), PAGING(swap_out_pages),
       false},
      {"vmpage_faults", "", PAGING(faults), PAGING(major_faults), false},
      {"total_events", "oom_kill", PAGING(oom_kills), EMITTER_NONE, true},
  };
  emitter_send_counters(emitter, rows, OPTION_COUNT(rows), stats, false);
}

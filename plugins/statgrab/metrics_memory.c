/* SPDX-License-Identifier: MIT */
/* metrics_memory: values of memory, swap space, paging and open files. */
#include "statgrab/metrics.h"

#include <math.h>

/* ---- memory ---- */

/* Older kernels and containers lack some parts; those then count as used. */
static uint64_t zero_if_unknown(uint64_t bytes) {
  return bytes == STATS_UNKNOWN ? 0 : bytes;
}

/* Containers may report more available than total; that is 0 % then. */
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

/* Where the names are ours, the parts are psutil's: used = total - free -
 * buffers - cached, where cached includes the reclaimable slab. Else they are
 * those of collectd's memory plugin, which counts the slab separately. */
void metrics_send_memory(const struct stats_memory *stats,
                         const struct emitter *emitter) {
  uint64_t cached = stats->cached;
  if (!emitter->is_native && cached != STATS_UNKNOWN) {
    cached += zero_if_unknown(stats->slab_reclaimable);
  }
  const struct {
    const char *name;
    uint64_t bytes;
  } parts[] = {
      {"free", stats->free},
      {"buffered", stats->buffered},
      {"cached", cached},
      {"slab_unrecl", stats->slab_unreclaimable}, /* native only */
      {"slab_recl", stats->slab_reclaimable},
  };
  uint64_t known = 0;
  for (size_t i = 0; i < (emitter->is_native ? 5u : 3u); i++) {
    known += zero_if_unknown(parts[i].bytes);
    emitter_send_amount(&emitter->common, "memory", parts[i].name,
                        parts[i].bytes);
  }
  emitter_send_amount(&emitter->common, "memory", "used",
                      subtract_from_total(stats, known));
  emitter_send_gauge(&emitter->own, "percent", "used",
                     metrics_memory_used_percent(stats));
  emitter_send_amount(&emitter->own, "memory", "available", stats->available);
}

/* ---- swap space and paging ---- */

bool metrics_send_swap(const struct stats_memory *stats,
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
  emitter_send_amount(&emitter->common, "swap", "used", used);
  emitter_send_amount(&emitter->common, "swap", "free", free);
  emitter_send_amount(&emitter->common, "swap", "cached", cached);
  return true;
}

void metrics_send_swap_io(const struct stats_paging *stats, uint64_t page_bytes,
                          const struct emitter *emitter) {
  uint64_t in = stats->swap_in_pages;
  uint64_t out = stats->swap_out_pages;
  uint64_t unit = emitter->is_native ? 1 : page_bytes;
  if (in == STATS_UNKNOWN || out == STATS_UNKNOWN) {
    return;
  }
  emitter_send_counter(&emitter->common, "swap_io", "in", in * unit);
  emitter_send_counter(&emitter->common, "swap_io", "out", out * unit);
}

void metrics_send_paging(const struct stats_paging *stats,
                         const struct emitter *emitter) {
#define PAGING(FIELD) offsetof(struct stats_paging, FIELD)
  static const struct emitter_counter_row rows[] = {
      {"vmpage_io", "memory", PAGING(disk_in_kib), PAGING(disk_out_kib), false},
      {"vmpage_io", "swap", PAGING(swap_in_pages), PAGING(swap_out_pages),
       false},
      {"vmpage_faults", "", PAGING(faults), PAGING(major_faults), false},
      {"total_events", "oom_kill", PAGING(oom_kills), EMITTER_NONE, true},
  };
  emitter_send_counter_rows(emitter, rows, OPTION_COUNT(rows), stats, false);
}

/* ---- open files ---- */

void metrics_send_handles(const struct stats_handles *stats,
                          const struct emitter *emitter) {
  const struct emitter_sink *sink = &emitter->common;
  emitter_send_amount(sink, "file_handles", "used", stats->used);
  emitter_send_amount(sink, "file_handles", "unused", stats->unused);
  emitter_send_amount(sink, "file_handles", "max", stats->max);
}

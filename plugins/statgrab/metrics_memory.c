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

void metrics_send_memory(const struct stats_memory *stats,
                         const struct emitter *emitter) {
  uint64_t cached = stats->cached;
  if (cached != STATS_UNKNOWN) {
    cached += zero_if_unknown(stats->slab_reclaimable);
  }
  uint64_t known = zero_if_unknown(stats->free) +
                   zero_if_unknown(stats->buffered) + zero_if_unknown(cached);
  emitter_send_amount(emitter, "memory", "free", stats->free);
  emitter_send_amount(emitter, "memory", "buffered", stats->buffered);
  emitter_send_amount(emitter, "memory", "cached", cached);
  emitter_send_amount(emitter, "memory", "used",
                      subtract_from_total(stats, known));
  emitter_send_gauge(emitter, "percent", "used",
                     metrics_memory_used_percent(stats));
  emitter_send_amount(emitter, "memory", "available", stats->available);
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
  emitter_send_gauge(emitter, "percent", "used",
                     total == 0 ? 0 : 100.0 * (double)used / (double)total);
  emitter_send_amount(emitter, "swap", "used", used);
  emitter_send_amount(emitter, "swap", "free", free);
  emitter_send_amount(emitter, "swap", "cached", stats->swap_cached);
  return true;
}

void metrics_send_swap_io(const struct stats_paging *stats, uint64_t page_bytes,
                          const struct emitter *emitter) {
  uint64_t in = stats->swap_in_pages;
  uint64_t out = stats->swap_out_pages;
  if (in == STATS_UNKNOWN || out == STATS_UNKNOWN) {
    return;
  }
  emitter_send_counter(emitter, "swap_io", "in", in * page_bytes);
  emitter_send_counter(emitter, "swap_io", "out", out * page_bytes);
}

void metrics_send_paging(const struct stats_paging *stats,
                         const struct emitter *emitter) {
  emitter_send_counter_pair(emitter, "vmpage_io", "memory", stats->disk_in_kib,
                            stats->disk_out_kib);
  emitter_send_counter_pair(emitter, "vmpage_io", "swap", stats->swap_in_pages,
                            stats->swap_out_pages);
  emitter_send_counter_pair(emitter, "vmpage_faults", "", stats->faults,
                            stats->major_faults);
  emitter_send_counter(emitter, "total_events", "oom_kill", stats->oom_kills);
}

/* ---- open files ---- */

void metrics_send_handles(const struct stats_handles *stats,
                          const struct emitter *emitter) {
  emitter_send_amount(emitter, "file_handles", "used", stats->used);
  emitter_send_amount(emitter, "file_handles", "unused", stats->unused);
  emitter_send_amount(emitter, "file_handles", "max", stats->max);
}

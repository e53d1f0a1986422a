/* SPDX-License-Identifier: MIT */
/* metrics_memory: values of memory, swap space, paging and open files. */
#include "statgrab/metrics.h"

#include <math.h>

/* Sends a part of TOTAL in its own unit, in percent, or both. The total is not
 * 0 unless the part is 0, too. */
static void send_part(const struct emitter_sink *sink, const char *type,
                      const char *name, uint64_t part, uint64_t total,
                      bool absolute, bool percentage) {
  if (absolute) {
    emitter_send_amount(sink, type, name, part);
  }
  if (percentage && part != STATS_UNKNOWN) {
    emitter_send_gauge(sink, "percent", name,
                       total == 0 ? 0 : 100.0 * (double)part / (double)total);
  }
}

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
                         const struct memory_options *options,
                         const struct emitter *emitter) {
  bool absolute = options->values_absolute;
  bool percentage = options->values_percentage;
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
    send_part(&emitter->common, "memory", parts[i].name, parts[i].bytes,
              stats->total, absolute, percentage);
  }
  /* Under our names percent-used is another value: the next one. */
  send_part(&emitter->common, "memory", "used",
            subtract_from_total(stats, known), stats->total, absolute,
            percentage && emitter->is_native);
  emitter_send_gauge(&emitter->own, "percent", "used",
                     metrics_memory_used_percent(stats));
  if (absolute) {
    emitter_send_amount(&emitter->own, "memory", "available", stats->available);
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
  bool absolute = options->values_absolute;
  bool percentage = options->values_percentage;
  const struct emitter_sink *sink = &emitter->common;
  /* Under our names percent-used is the value above, sent in any case. */
  send_part(sink, "swap", "used", used, total, absolute,
            percentage && emitter->is_native);
  send_part(sink, "swap", "free", free, total, absolute, percentage);
  send_part(sink, "swap", "cached", cached, total, absolute, percentage);
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

/* ---- open files ---- */

void metrics_send_handles(const struct stats_handles *stats,
                          const struct fhcount_options *options,
                          const struct emitter *emitter) {
  const struct emitter_sink *sink = &emitter->common;
  bool absolute = options->values_absolute;
  bool percentage = options->values_percentage && stats->max > 0;
  send_part(sink, "file_handles", "used", stats->used, stats->max, absolute,
            percentage);
  send_part(sink, "file_handles", "unused", stats->unused, stats->max, absolute,
            percentage);
  /* The maximum is 100 % of itself: not sent. */
  send_part(sink, "file_handles", "max", stats->max, stats->max, absolute,
            false);
}

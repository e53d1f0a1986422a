/* SPDX-License-Identifier: MIT */
/* swap_values: what is told of swap space and of paging. */
#include "statgrab/swap_values.h"

#include <math.h>

static void put_part(const char *name, uint64_t bytes, uint64_t total,
                     const struct swap_options *options,
                     const struct outlet *outlet) {
  if (options->values_absolute) {
    outlet_put_amount(outlet, "", "swap", name, bytes);
  }
  if (options->values_percentage && bytes != FACT_UNKNOWN) {
    outlet_put(outlet, "", "percent", name,
               total == 0 ? 0 : 100.0 * (double)bytes / (double)total);
  }
}

bool swap_put(const struct memory_facts *facts,
              const struct swap_options *options,
              const struct outlets *outlets) {
  if (facts->swap_total == FACT_UNKNOWN || facts->swap_free == FACT_UNKNOWN) {
    return false;
  }
  uint64_t total = facts->swap_total;
  uint64_t free = facts->swap_free < total ? facts->swap_free : total;
  uint64_t used = total - free;
  outlet_put(&outlets->own, "", "percent", "used",
             total == 0 ? 0 : 100.0 * (double)used / (double)total);
  uint64_t cached = facts->swap_cached;
  if (outlets->is_native && cached != FACT_UNKNOWN) {
    used -= cached < used ? cached : used;
  }
  /* percent-used has a meaning of its own under our names */
  const struct swap_options absolute = {.values_absolute =
                                            options->values_absolute};
  put_part("used", used, total, outlets->is_native ? options : &absolute,
           &outlets->common);
  put_part("free", free, total, options, &outlets->common);
  put_part("cached", cached, total, options, &outlets->common);
  return true;
}

void swap_put_io(const struct paging_facts *facts, uint64_t page_bytes,
                 const struct swap_options *options,
                 const struct outlets *outlets) {
  uint64_t in = facts->swap_in_pages;
  uint64_t out = facts->swap_out_pages;
  uint64_t unit = options->report_bytes ? page_bytes : 1;
  if (in == FACT_UNKNOWN || out == FACT_UNKNOWN) {
    return;
  }
  outlet_put_counter(&outlets->common, "", "swap_io", "in", in * unit);
  outlet_put_counter(&outlets->common, "", "swap_io", "out", out * unit);
}

void paging_put(const struct paging_facts *facts,
                const struct outlets *outlets) {
  const struct outlet *outlet = &outlets->common;
  outlet_put_counters(outlet, "", "vmpage_io", "memory", facts->disk_in_kib,
                      facts->disk_out_kib);
  outlet_put_counters(outlet, "", "vmpage_io", "swap", facts->swap_in_pages,
                      facts->swap_out_pages);
  outlet_put_counters(outlet, "", "vmpage_faults", "", facts->faults,
                      facts->major_faults);
  outlet_put_counter(&outlets->own, "", "total_events", "oom_kill",
                     facts->oom_kills);
}

/* SPDX-License-Identifier: MIT */
/* read_memory: /proc/meminfo. */
#include <string.h>

#include "statgrab/linux/linux_driver.h"

/* Linux before 3.14 and some containers do not tell; psutil's way out. */
static uint64_t guess_available(const struct memory_facts *facts) {
  uint64_t sum = facts->free + facts->cached;
  return sum < facts->total ? sum : facts->total;
}

int linux_read_memory(struct driver *driver, struct memory_facts *facts,
                      struct error *error) {
  memset(facts, 0xff, sizeof(*facts)); /* all FACT_UNKNOWN */
  const struct scan_field fields[] = {
      {"MemTotal", &facts->total},
      {"MemFree", &facts->free},
      {"Buffers", &facts->buffered},
      {"Cached", &facts->cached},
      {"MemAvailable", &facts->available},
      {"SReclaimable", &facts->slab_reclaimable},
      {"SUnreclaim", &facts->slab_unreclaimable},
      {"SwapTotal", &facts->swap_total},
      {"SwapFree", &facts->swap_free},
      {"SwapCached", &facts->swap_cached},
  };
  int code =
      linux_read_fields(driver, &driver->meminfo, fields,
                        sizeof(fields) / sizeof(fields[0]), 4, 1024, error);
  if (code == 0 && facts->total == 0) {
    code = linux_refuse(driver, &driver->meminfo, "memory", error);
  }
  if (code == 0 && facts->available == FACT_UNKNOWN) {
    facts->available = guess_available(facts);
  }
  return code;
}

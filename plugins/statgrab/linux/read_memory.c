/* SPDX-License-Identifier: MIT */
/* read_memory: /proc/meminfo. */
#include <string.h>

#include "statgrab/linux/linux_driver.h"

struct line {
  const char *name;
  uint64_t *bytes;
};

static void take_line(struct scan *line, const struct line *wanted,
                      size_t wanted_len) {
  for (size_t i = 0; i < wanted_len; i++) {
    uint64_t kibibytes;
    struct scan rest = *line;
    if (scan_literal(&rest, wanted[i].name) && scan_number(&rest, &kibibytes) &&
        kibibytes <= UINT64_MAX / 1024) {
      *wanted[i].bytes = kibibytes * 1024;
      return;
    }
  }
}

/* Linux before 3.14 and some containers do not tell; psutil's way out. */
static uint64_t guess_available(const struct memory_facts *facts) {
  uint64_t cached = facts->cached == FACT_UNKNOWN ? 0 : facts->cached;
  uint64_t sum = facts->free + cached;
  return sum < facts->total ? sum : facts->total;
}

int linux_read_memory(struct driver *driver, struct memory_facts *facts,
                      struct error *error) {
  memset(facts, 0xff, sizeof(*facts)); /* all FACT_UNKNOWN */
  struct scan text, line;
  int code = proc_file_read(&driver->meminfo, driver->root, &text, error);
  if (code != 0) {
    return code;
  }
  const struct line wanted[] = {
      {"MemTotal:", &facts->total},
      {"MemFree:", &facts->free},
      {"MemAvailable:", &facts->available},
      {"Buffers:", &facts->buffered},
      {"Cached:", &facts->cached},
      {"SReclaimable:", &facts->slab_reclaimable},
      {"SUnreclaim:", &facts->slab_unreclaimable},
      {"SwapTotal:", &facts->swap_total},
      {"SwapFree:", &facts->swap_free},
      {"SwapCached:", &facts->swap_cached},
  };
  while (scan_line(&text, &line)) {
    take_line(&line, wanted, sizeof(wanted) / sizeof(wanted[0]));
  }
  if (facts->total == FACT_UNKNOWN || facts->total == 0) {
    return linux_refuse(driver, &driver->meminfo, "MemTotal", error);
  }
  if (facts->free == FACT_UNKNOWN) {
    return linux_refuse(driver, &driver->meminfo, "MemFree", error);
  }
  if (facts->available == FACT_UNKNOWN) {
    facts->available = guess_available(facts);
  }
  return 0;
}

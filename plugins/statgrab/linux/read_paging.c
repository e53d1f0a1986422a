/* SPDX-License-Identifier: MIT */
/* read_paging: /proc/vmstat; what libstatgrab calls pages is KiB of block I/O
 * on Linux. */
#include <string.h>

#include "statgrab/linux/linux_driver.h"

int linux_read_paging(struct driver *driver, struct paging_facts *facts,
                      struct error *error) {
  memset(facts, 0xff, sizeof(*facts)); /* all FACT_UNKNOWN */
  const struct {
    const char *name;
    uint64_t *value;
  } wanted[] = {
      {"pgpgin ", &facts->disk_in_kib},   {"pgpgout ", &facts->disk_out_kib},
      {"pswpin ", &facts->swap_in_pages}, {"pswpout ", &facts->swap_out_pages},
      {"pgfault ", &facts->faults},       {"pgmajfault ", &facts->major_faults},
      {"oom_kill ", &facts->oom_kills},
  };
  struct scan text, line;
  int code = proc_file_read(&driver->vmstat, driver->root, &text, error);
  if (code != 0) {
    return code;
  }
  while (scan_line(&text, &line)) {
    /* 180 lines, of which only these two letters are of interest */
    if (line.at < line.end && *line.at != 'p' && *line.at != 'o') {
      continue;
    }
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
      if (scan_literal(&line, wanted[i].name)) {
        (void)scan_number(&line, wanted[i].value);
        break;
      }
    }
  }
  return facts->disk_in_kib == FACT_UNKNOWN
             ? linux_refuse(driver, &driver->vmstat, "pgpgin", error)
             : 0;
}

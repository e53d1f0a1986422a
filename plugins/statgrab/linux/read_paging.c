/* SPDX-License-Identifier: MIT */
/* read_paging: /proc/vmstat; what libstatgrab calls pages is KiB of block I/O
 * on Linux. */
#include <string.h>

#include "statgrab/linux/linux_driver.h"

int linux_read_paging(struct driver *driver, struct paging_facts *facts,
                      struct error *error) {
  memset(facts, 0xff, sizeof(*facts)); /* all FACT_UNKNOWN */
  /* A kernel without swap space, or before 4.13, lacks the last ones. */
  const struct scan_field fields[] = {
      {"pgpgin", &facts->disk_in_kib},   {"pgpgout", &facts->disk_out_kib},
      {"pgfault", &facts->faults},       {"pgmajfault", &facts->major_faults},
      {"pswpin", &facts->swap_in_pages}, {"pswpout", &facts->swap_out_pages},
      {"oom_kill", &facts->oom_kills},
  };
  return linux_read_fields(driver, &driver->vmstat, fields,
                           sizeof(fields) / sizeof(fields[0]), 4, 1, error);
}

/* SPDX-License-Identifier: MIT */
/* read_pressure: /proc/pressure, Linux 4.20 and later. */
#include <math.h>

#include "statgrab/linux/linux_driver.h"

/* "avg10=0.07 avg60=0.65 avg300=4.64 total=208369241" */
static void take_line(struct scan *line, struct pressure_line *to) {
  struct pressure_line found;
  bool is_good =
      scan_literal(line, " avg10=") && scan_fraction(line, &found.avg10) &&
      scan_literal(line, " avg60=") && scan_fraction(line, &found.avg60) &&
      scan_literal(line, " avg300=") && scan_fraction(line, &found.avg300) &&
      scan_literal(line, " total=") && scan_number(line, &found.total_us);
  if (is_good) {
    *to = found;
  }
}

int linux_read_pressure(struct driver *driver, struct pressure_facts *facts,
                        struct error *error) {
  const struct pressure_line none = {(double)NAN, (double)NAN, (double)NAN,
                                     FACT_UNKNOWN};
  for (size_t i = 0; i < PRESSURE_RESOURCES; i++) {
    struct scan text, line;
    facts->some[i] = none;
    facts->full[i] = none;
    int code = proc_file_read(&driver->pressure[i], driver->root, &text, error);
    if (code != 0) {
      return code;
    }
    while (scan_line(&text, &line)) {
      if (scan_literal(&line, "some")) {
        take_line(&line, &facts->some[i]);
      } else if (scan_literal(&line, "full")) {
        take_line(&line, &facts->full[i]);
      }
    }
    if (facts->some[i].total_us == FACT_UNKNOWN) {
      return linux_refuse(driver, &driver->pressure[i], "some", error);
    }
  }
  return 0;
}

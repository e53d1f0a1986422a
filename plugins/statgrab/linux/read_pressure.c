/* SPDX-License-Identifier: MIT */
/* read_pressure: /proc/pressure, Linux 4.20 and later. */
#include <errno.h>
#include <math.h>

#include "statgrab/linux/linux_driver.h"

/* The lines of one resource. */
struct lines {
  struct pressure_line some, full;
};

/* "some avg10=0.07 avg60=0.65 avg300=4.64 total=208369241" */
static int take_line(struct scan *line, void *facts) {
  struct lines *lines = facts;
  struct pressure_line found;
  bool is_some = scan_literal(line, "some");
  bool is_good =
      (is_some || scan_literal(line, "full")) &&
      scan_literal(line, " avg10=") && scan_fraction(line, &found.avg10) &&
      scan_literal(line, " avg60=") && scan_fraction(line, &found.avg60) &&
      scan_literal(line, " avg300=") && scan_fraction(line, &found.avg300) &&
      scan_literal(line, " total=") && scan_number(line, &found.total_us);
  if (is_good) {
    *(is_some ? &lines->some : &lines->full) = found;
  }
  return is_good ? 0 : -EBADMSG;
}

static int read_one(struct driver *driver, struct proc_file *file,
                    struct lines *lines, struct error *error) {
  const struct pressure_line none = {(double)NAN, (double)NAN, (double)NAN,
                                     FACT_UNKNOWN};
  *lines = (struct lines){none, none};
  struct scan text;
  int code = proc_file_read(file, driver->root, &text, error);
  return code != 0
             ? code
             : linux_take_lines(driver, file, text, take_line, lines, error);
}

int linux_read_pressure(struct driver *driver, struct pressure_facts *facts,
                        struct error *error) {
  int first = 0; /* failure; the others are read nevertheless */
  size_t failed = 0;
  for (size_t i = 0; i < PRESSURE_RESOURCES; i++) {
    struct lines lines;
    int code = read_one(driver, &driver->pressure[i], &lines,
                        first == 0 ? error : NULL);
    first = first == 0 ? code : first;
    failed += code != 0;
    facts->some[i] = lines.some;
    facts->full[i] = lines.full;
  }
  return failed == 0 || failed == PRESSURE_RESOURCES ? first : -EBADMSG;
}

/* SPDX-License-Identifier: MIT */
/* duration: "90", "90s", "15m", "2h", "7d". */
#include "ctl/duration.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_S (365.0 * 86400)

int duration_parse(const char *text, double *ret_s, struct error *error) {
  static const struct {
    const char *name;
    double size;
  } units[] = {{"", 1},     {"s", 1},     {"m", 60},
               {"h", 3600}, {"d", 86400}, {"w", 604800}};
  char *rest = NULL;
  double number = strtod(text, &rest);
  for (size_t i = 0; rest != text && i < sizeof(units) / sizeof(units[0]);
       i++) {
    double seconds = number * units[i].size;
    if (strcmp(rest, units[i].name) == 0 && seconds > 0 && seconds <= YEAR_S) {
      *ret_s = seconds;
      return 0;
    }
  }
  return error_set(error, -EINVAL,
                   "\"%s\" is no duration; write 90s, 15m, 2h or 7d, at most "
                   "a year",
                   text);
}

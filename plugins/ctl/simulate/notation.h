/* SPDX-License-Identifier: MIT */
/* notation: a series of readings in a line of text. */
#ifndef CTL_SIMULATE_NOTATION_H
#define CTL_SIMULATE_NOTATION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

#define NOTATION_POINTS_MAX 10000000

/* One interval: a reading, or none. */
struct notation_point {
  double value;
  bool is_there;
};

struct notation {
  struct notation_point *points; /* owned */
  size_t len;
};

/* Appends what TEXT says: words between blanks,
 *   80        a reading
 *   80x5      five of them
 *   50+5x4    four readings, each 5 more than the one before: 50 55 60 65
 *   50-5x4    each 5 less
 *   nan       a reading that is not a number
 *   _ _x6     no reading, in one or six intervals
 * notation: all zero at first; yours, notation_fini(), also after a failure.
 * Returns 0, -EINVAL with the word that is wrong, -ENOMEM. */
int notation_parse(const char *text, struct notation *notation,
                   struct error *error);
void notation_fini(struct notation *notation);

#endif

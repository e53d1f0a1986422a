/* SPDX-License-Identifier: MIT */
/* notation: how people and files write series names and values. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/metric.h"

/* ---- names ---- */

/* Splits "host/plugin-instance/type-instance"; an instance begins after the
 * first '-'. Returns 0 or -EINVAL with the reason. */
int notation_parse_series(const char *text, struct reading_names *ret_names,
                          struct error *error);

/* The same for the subject of a notification, which may lack the type. */
int notation_parse_subject(const char *text, struct reading_names *ret_names,
                           struct error *error);

/* ---- values ---- */

#define NOTATION_POINTS_MAX 10000000

/* One interval: a reading, or none. */
struct notation_point {
  double value;
  bool has_value;
};

struct notation_points {
  struct notation_point *items; /* owned */
  size_t len;
};

/* Appends the readings that TEXT lists, words separated by blanks:
 *   80        a reading
 *   80x5      five of them
 *   50+5x4    four readings, each 5 more than the one before: 50 55 60 65
 *   50-5x4    each 5 less
 *   nan       a reading that is not a number
 *   _ _x6     no reading, in one or six intervals
 * points: all zero at first; yours, notation_points_fini(), also after a
 * failure. Returns 0, -EINVAL with the word that is wrong, -ENOMEM. */
int notation_parse_points(const char *text, struct notation_points *points,
                          struct error *error);
void notation_points_fini(struct notation_points *points);

/* SPDX-License-Identifier: MIT */
/* forecast: predicts when a pool will be exhausted if the trend continues.
 * Pure.
 *
 * Load rises and falls; a leak raises the low-water mark below it. So the trend
 * is a straight line, by least squares, through the minimum of each twelfth of
 * the window. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FORECAST_SLOTS 12

struct forecast_slot {
  int64_t start_us;
  double minimum;
};

/* window_us: set by the owner. All else starts at 0. */
struct forecast {
  int64_t window_us;
  int64_t last_us;                                /* of the last value */
  struct forecast_slot slots[FORECAST_SLOTS + 1]; /* the last one is open */
  size_t len;
};

/* Adds a value at now_us. Drops all earlier values when the clock went back,
 * and after a gap of more than half a window. */
void forecast_add(struct forecast *forecast, int64_t now_us, double value);

/* Seconds until the trend reaches capacity; 0 if it has. NaN while there is no
 * upward trend: fewer than four closed slots, or a rise of less than one over
 * them. */
double forecast_until_exhausted_s(const struct forecast *forecast,
                                  double capacity);

/* SPDX-License-Identifier: MIT */
/* forecast: when a pool is exhausted if it goes on like this. Pure.
 *
 * Load goes up and down; what a leak leaves behind is the floor under it. So
 * the trend is that of the minimum of each twelfth of the window: a straight
 * line through them by least squares. */
#ifndef DBPOOL_FORECAST_H
#define DBPOOL_FORECAST_H

#include <stddef.h>
#include <stdint.h>

#define FORECAST_PARTS 12

struct forecast_part {
  int64_t start_us;
  double minimum;
};

/* window_us: set by the owner. All else starts at 0. */
struct forecast {
  int64_t window_us;
  int64_t seen_us;                                /* the last reading */
  struct forecast_part parts[FORECAST_PARTS + 1]; /* the last one is running */
  size_t len;
};

/* A reading at now_us, by a clock that should not go back; after a gap of more
 * than half a window it starts afresh. */
void forecast_add(struct forecast *forecast, int64_t now_us, double value);

/* Seconds until the trend meets capacity; 0 if it has; NaN while there is no
 * trend upwards: fewer than four parts seen, or a rise of less than one over
 * what was seen. */
double forecast_left_s(const struct forecast *forecast, double capacity);

#endif

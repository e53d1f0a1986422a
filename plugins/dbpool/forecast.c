/* SPDX-License-Identifier: MIT */
/* forecast: predicts when a pool will be exhausted if the trend continues. */
#include "dbpool/forecast.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define SLOTS_NEEDED 4 /* a third of the window */

/* One slot more than the window is kept, so that the closed ones span it. */
static bool is_first_slot_outdated(const struct forecast *forecast,
                                   int64_t now_us) {
  return forecast->len > FORECAST_SLOTS ||
         (forecast->len > 0 &&
          now_us - forecast->slots[0].start_us >
              forecast->window_us + forecast->window_us / FORECAST_SLOTS);
}

/* Closes the open slot; drops those that the window has left behind. */
static void open_slot(struct forecast *forecast, int64_t now_us, double value) {
  while (is_first_slot_outdated(forecast, now_us)) {
    forecast->len--;
    memmove(forecast->slots, forecast->slots + 1,
            forecast->len * sizeof(forecast->slots[0]));
  }
  forecast->slots[forecast->len++] =
      (struct forecast_slot){.start_us = now_us, .minimum = value};
}

void forecast_add(struct forecast *forecast, int64_t now_us, double value) {
  int64_t since_us = now_us - forecast->last_us;
  if (since_us < 0 || since_us > forecast->window_us / 2) {
    forecast->len = 0;
  }
  forecast->last_us = now_us;
  struct forecast_slot *open =
      forecast->len == 0 ? NULL : &forecast->slots[forecast->len - 1];
  if (open == NULL ||
      now_us - open->start_us >= forecast->window_us / FORECAST_SLOTS) {
    open_slot(forecast, now_us, value);
  } else {
    open->minimum = fmin(open->minimum, value);
  }
}

/* Least squares over the closed slots. x: seconds before the open slot began,
 * y: connections. */
double forecast_until_exhausted_s(const struct forecast *forecast,
                                  double capacity) {
  if (forecast->len < SLOTS_NEEDED + 1) {
    return (double)NAN;
  }
  const struct forecast_slot *slots = forecast->slots;
  size_t len = forecast->len - 1; /* the open one is incomplete */
  int64_t now_us = slots[len].start_us;
  double mean_x = 0;
  double mean_y = 0;
  for (size_t i = 0; i < len; i++) {
    mean_x += (double)(slots[i].start_us - now_us) / 1e6 / (double)len;
    mean_y += slots[i].minimum / (double)len;
  }
  double slope = 0; /* connections a second */
  double spread = 0;
  for (size_t i = 0; i < len; i++) {
    double x = (double)(slots[i].start_us - now_us) / 1e6 - mean_x;
    slope += x * slots[i].minimum;
    spread += x * x;
  }
  slope /= spread;
  double seen_s = (double)(slots[len - 1].start_us - slots[0].start_us) / 1e6;
  if (!(slope * seen_s >= 1)) {
    return (double)NAN;
  }
  double level = mean_y - slope * mean_x; /* of the line, now */
  return fmax(0, capacity - level) / slope;
}

/* SPDX-License-Identifier: MIT */
/* forecast: when a pool is exhausted if it goes on like this. */
#include "dbpool/forecast.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define PARTS_NEEDED 4

static bool is_old(const struct forecast *forecast, int64_t now_us) {
  return forecast->len > FORECAST_PARTS ||
         (forecast->len > 0 &&
          now_us - forecast->parts[0].start_us >
              forecast->window_us + forecast->window_us / FORECAST_PARTS);
}

static void begin_part(struct forecast *forecast, int64_t now_us,
                       double value) {
  while (is_old(forecast, now_us)) {
    forecast->len--;
    memmove(forecast->parts, forecast->parts + 1,
            forecast->len * sizeof(forecast->parts[0]));
  }
  forecast->parts[forecast->len++] =
      (struct forecast_part){.start_us = now_us, .minimum = value};
}

void forecast_add(struct forecast *forecast, int64_t now_us, double value) {
  int64_t since_us = now_us - forecast->seen_us;
  if (since_us < 0 || since_us > forecast->window_us / 2) {
    forecast->len = 0;
  }
  forecast->seen_us = now_us;
  struct forecast_part *running =
      forecast->len == 0 ? NULL : &forecast->parts[forecast->len - 1];
  if (running == NULL ||
      now_us - running->start_us >= forecast->window_us / FORECAST_PARTS) {
    begin_part(forecast, now_us, value);
  } else {
    running->minimum = fmin(running->minimum, value);
  }
}

double forecast_left_s(const struct forecast *forecast, double capacity) {
  if (forecast->len < PARTS_NEEDED + 1) {
    return (double)NAN;
  }
  const struct forecast_part *parts = forecast->parts;
  size_t len = forecast->len - 1; /* the running part has not ended */
  int64_t now_us = parts[len].start_us;
  double mean_x = 0;
  double mean_y = 0;
  for (size_t i = 0; i < len; i++) {
    mean_x += (double)(parts[i].start_us - now_us) / 1e6 / (double)len;
    mean_y += parts[i].minimum / (double)len;
  }
  double slope = 0; /* a second */
  double spread = 0;
  for (size_t i = 0; i < len; i++) {
    double x = (double)(parts[i].start_us - now_us) / 1e6 - mean_x;
    slope += x * parts[i].minimum;
    spread += x * x;
  }
  slope /= spread;
  double seen_s = (double)(parts[len - 1].start_us - parts[0].start_us) / 1e6;
  if (!(slope * seen_s >= 1)) {
    return (double)NAN;
  }
  double level = mean_y - slope * mean_x; /* of the line, now */
  return fmax(0, capacity - level) / slope;
}

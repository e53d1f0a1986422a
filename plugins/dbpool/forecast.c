/* SPDX-License-Identifier: MIT */
/* forecast: when a pool is exhausted if it goes on like this. */
#include "dbpool/forecast.h"

#include <math.h>
#include <string.h>

#define PARTS_NEEDED 4

static int64_t part_us(const struct forecast *forecast) {
  return forecast->window_us / FORECAST_PARTS;
}

static void begin_part(struct forecast *forecast, int64_t start_us,
                       double value) {
  if (forecast->len > FORECAST_PARTS) {
    memmove(forecast->minima, forecast->minima + 1,
            FORECAST_PARTS * sizeof(forecast->minima[0]));
    forecast->len--;
  }
  forecast->minima[forecast->len++] = value;
  forecast->part_start_us = start_us;
}

void forecast_add(struct forecast *forecast, int64_t now_us, double value) {
  int64_t since_us = now_us - forecast->seen_us;
  if (since_us < 0 || since_us > 2 * part_us(forecast)) {
    forecast->len = 0;
  }
  forecast->seen_us = now_us;
  if (forecast->len == 0 ||
      now_us - forecast->part_start_us >= part_us(forecast)) {
    begin_part(forecast, now_us, value);
  } else {
    double *running = &forecast->minima[forecast->len - 1];
    *running = fmin(*running, value);
  }
}

double forecast_left_s(const struct forecast *forecast, double capacity) {
  if (forecast->len < PARTS_NEEDED + 1) {
    return (double)NAN;
  }
  size_t len = forecast->len - 1; /* the running part has not ended */
  double middle = (double)(len - 1) / 2;
  double sum = 0;
  double slope = 0; /* a part */
  double spread = 0;
  for (size_t i = 0; i < len; i++) {
    double x = (double)i - middle;
    sum += forecast->minima[i];
    slope += x * forecast->minima[i];
    spread += x * x;
  }
  slope /= spread;
  if (slope * (double)(len - 1) < 1) {
    return (double)NAN;
  }
  /* Where the line stands now: behind the last whole part. */
  double level = sum / (double)len + slope * ((double)len - middle);
  double left = fmax(0, capacity - level) / slope;
  return left * (double)part_us(forecast) / 1e6;
}

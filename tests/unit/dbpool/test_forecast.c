/* SPDX-License-Identifier: MIT */
/* forecast: trends of made-up pools, read every ten seconds. */
#include "unit.h"

#include <math.h>

#include "dbpool/pool.h"

#define SECOND INT64_C(1000000)
#define WINDOW (720 * SECOND) /* a slot is a minute */

static struct pool_forecast forecast_of(int64_t seconds,
                                        double (*value)(int64_t second)) {
  struct pool_forecast forecast = {.window_us = WINDOW};
  for (int64_t second = 0; second <= seconds; second += 10) {
    pool_forecast_add(&forecast, (1000 + second) * SECOND, value(second));
  }
  return forecast;
}

static double level(int64_t second) {
  (void)second;
  return 12;
}

/* One leak a minute under a load that comes and goes. */
static double leaking(int64_t second) {
  return (double)(second / 60) + (second / 10 % 3 == 0 ? 0 : 9);
}

static double falling(int64_t second) { return 30 - (double)second / 60; }

static void predicts_exhaustion_by_a_leak(void **state) {
  (void)state;
  struct pool_forecast forecast = forecast_of(600, leaking);
  /* One a minute from 10 on: 30 are held in another twenty minutes. */
  assert_true(fabs(pool_forecast_exhaustion_s(&forecast, 30) - 1200) < 1);
  assert_true(pool_forecast_exhaustion_s(&forecast, 10) <= 0);
  forecast = forecast_of(7200, leaking); /* the window slides */
  assert_true(fabs(pool_forecast_exhaustion_s(&forecast, 130) - 600) < 1);
}

/* Half a connection in the whole window: noise. */
static double creeping(int64_t second) { return (double)second / 1440; }

static bool is_far_off(const struct pool_forecast *forecast, double capacity) {
  return pool_forecast_exhaustion_s(forecast, capacity) >= POOL_FORECAST_MAX_S;
}

static void predicts_nothing_without_a_trend(void **state) {
  (void)state;
  struct pool_forecast forecast = forecast_of(3600, level);
  assert_true(is_far_off(&forecast, 30));
  forecast = forecast_of(3600, creeping);
  assert_true(is_far_off(&forecast, 30));
  forecast = forecast_of(600, falling);
  assert_true(is_far_off(&forecast, 30));
  forecast = forecast_of(600, leaking);
  assert_true(is_far_off(&forecast, 1e6));
  assert_true(isnan(pool_forecast_exhaustion_s(&forecast, 0)));
  forecast = forecast_of(230, leaking); /* three closed slots */
  assert_true(isnan(pool_forecast_exhaustion_s(&forecast, 30)));
  forecast = forecast_of(250, leaking);
  assert_true(pool_forecast_exhaustion_s(&forecast, 30) > 0);
}

static void accepts_rare_readings(void **state) {
  (void)state;
  struct pool_forecast forecast = {.window_us = WINDOW};
  for (int64_t second = 0; second <= 1440; second += 144) {
    pool_forecast_add(&forecast, (1000 + second) * SECOND, (double)second / 60);
  }
  assert_true(fabs(pool_forecast_exhaustion_s(&forecast, 34) - 600) < 1);
}

static void starts_afresh_after_a_gap(void **state) {
  (void)state;
  struct pool_forecast forecast = forecast_of(600, leaking);
  pool_forecast_add(&forecast, 2000 * SECOND, 20);
  assert_true(isnan(pool_forecast_exhaustion_s(&forecast, 30)));
  forecast = forecast_of(600, leaking);
  pool_forecast_add(&forecast, 900 * SECOND, 20); /* the clock was set back */
  assert_true(isnan(pool_forecast_exhaustion_s(&forecast, 30)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(predicts_exhaustion_by_a_leak),
      cmocka_unit_test(predicts_nothing_without_a_trend),
      cmocka_unit_test(accepts_rare_readings),
      cmocka_unit_test(starts_afresh_after_a_gap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* rate_window: exact over every edge, on a fake clock. */
#include "unit.h"

#include "session_log/sessions/rate_window.h"

#define START 1700000000

static void add_many(struct rate_window *window, int64_t at, int count,
                     int64_t now) {
  for (int i = 0; i < count; i++) {
    rate_window_add(window, at, now, 1);
  }
}

static void a_steady_rate_is_that_rate(void **state) {
  (void)state;
  struct rate_window window = {0};
  for (int64_t t = START; t < START + 3600; t++) {
    if (t % 6 == 0) {
      rate_window_add(&window, t, t, 1);
    }
    if (t % 10 == 0 && t > START + 60) {
      assert_int_equal(rate_window_take_peak(&window, t), 10);
    }
  }
}

static void no_edge_hides_events(void **state) {
  (void)state;
  struct rate_window window = {0};
  add_many(&window, START + 59, 6, START + 59);
  add_many(&window, START + 61, 6, START + 61);
  assert_int_equal(rate_window_find_sum(&window, START + 61), 12);
  assert_int_equal(rate_window_find_sum(&window, START + 118), 12);
  assert_int_equal(rate_window_find_sum(&window, START + 119), 6);
  assert_int_equal(rate_window_find_sum(&window, START + 121), 0);
}

static void a_peak_between_reads_is_kept(void **state) {
  (void)state;
  struct rate_window window = {0};
  for (int i = 0; i < 11; i++) { /* 11 in 55 s, read only afterwards */
    rate_window_add(&window, START + i * 5, START + i * 5, 1);
  }
  assert_int_equal(rate_window_find_sum(&window, START + 65), 9);
  assert_int_equal(rate_window_take_peak(&window, START + 65), 11);
  assert_int_equal(rate_window_take_peak(&window, START + 66), 9);
  assert_int_equal(rate_window_take_peak(&window, START + 3000), 9);
  assert_int_equal(rate_window_take_peak(&window, START + 3001), 0);
}

static void a_late_event_counts_in_its_own_second(void **state) {
  (void)state;
  struct rate_window window = {0};
  (void)rate_window_take_peak(&window, START);
  rate_window_add(&window, START + 5, START + 30, 1);
  rate_window_add(&window, START + 20, START + 30, 1);
  assert_int_equal(rate_window_find_sum(&window, START + 64), 2);
  assert_int_equal(rate_window_find_sum(&window, START + 65), 1);
  rate_window_add(&window, START + 5, START + 65,
                  1); /* a minute old: no more */
  assert_int_equal(rate_window_find_sum(&window, START + 65), 1);
}

static void a_future_event_counts_now(void **state) {
  (void)state;
  struct rate_window window = {0};
  rate_window_add(&window, START + 7200, START, 1);
  rate_window_add(&window, START + 30, START, 1);
  assert_int_equal(rate_window_find_sum(&window, START), 2);
  assert_int_equal(rate_window_find_sum(&window, START + 60), 0);
}

static void a_clock_set_back_begins_anew(void **state) {
  (void)state;
  struct rate_window window = {0};
  add_many(&window, START, 50, START);
  add_many(&window, START - 7200, 3, START - 7200);
  assert_int_equal(rate_window_find_sum(&window, START - 7200), 3);
  assert_int_equal(rate_window_take_peak(&window, START - 7200), 50);
  assert_int_equal(rate_window_take_peak(&window, START - 7199), 3);
}

/* Against counting by hand. */
static void random_events_agree_with_counting(void **state) {
  (void)state;
  static uint32_t truth[4000];
  struct rate_window window = {0};
  uint32_t random = 1;
  int64_t read = 0;
  for (int64_t t = 100; t < 3900; t++) {
    random = random * 1664525 + 1013904223;
    int events = (int)(random >> 29);
    for (int i = 0; i < events; i++) {
      random = random * 1664525 + 1013904223;
      int64_t at = t - (int64_t)((random >> 16) % 10);
      truth[at]++;
      rate_window_add(&window, at, t, 1);
    }
    if (events != 3) {
      continue;
    }
    uint64_t peak = 0;
    for (int64_t end = read + 1; end <= t; end++) {
      uint64_t sum = 0;
      for (int64_t s = end < 60 ? 0 : end - 59; s <= end; s++) {
        sum += truth[s];
      }
      peak = sum > peak ? sum : peak;
    }
    if (read > 0) {
      assert_int_equal(rate_window_take_peak(&window, t), peak);
    } else {
      (void)rate_window_take_peak(&window, t);
    }
    read = t;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_steady_rate_is_that_rate),
      cmocka_unit_test(no_edge_hides_events),
      cmocka_unit_test(a_peak_between_reads_is_kept),
      cmocka_unit_test(a_late_event_counts_in_its_own_second),
      cmocka_unit_test(a_future_event_counts_now),
      cmocka_unit_test(a_clock_set_back_begins_anew),
      cmocka_unit_test(random_events_agree_with_counting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* cpu_values: shares of the time between two readings. */
#include "statgrab/metrics.h"

#include "statgrab/emitter_recorder.h"
#include "statgrab/stats.h"

static const struct cpu_options defaults = {
    .report_by_state = true,
    .values_percentage = true,
    .report_num_cpu = true,
    .subtract_guest_state = true,
};

static struct stats_cpu_ticks ticks(uint64_t user, uint64_t nice,
                                    uint64_t system, uint64_t idle,
                                    uint64_t wait, uint64_t interrupt,
                                    uint64_t softirq, uint64_t steal,
                                    uint64_t guest, uint64_t guest_nice) {
  return (struct stats_cpu_ticks){{user, nice, system, idle, wait, interrupt,
                                   softirq, steal, guest, guest_nice}};
}

static void counts_all_of_the_line(void **state) {
  (void)state;
  struct stats_cpu_ticks before = ticks(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  struct stats_cpu_ticks now = ticks(10, 0, 10, 50, 10, 5, 5, 10, 0, 0);
  struct metrics_cpu_percents percents = metrics_cpu_percents(&before, &now);
  assert_near(percents.active, 40);
  assert_near(percents.states[CPU_WAIT], 10);
  assert_near(percents.states[CPU_STEAL], 10);
  assert_near(percents.states[CPU_IDLE], 50);
}

/* libstatgrab's total omits it: one share read 150 % or 4900 %. */
static void wait_stays_below_a_hundred(void **state) {
  (void)state;
  struct stats_cpu_ticks before = ticks(100, 0, 100, 1000, 1000, 0, 0, 0, 0, 0);
  struct stats_cpu_ticks now = ticks(101, 0, 101, 1002, 1196, 0, 0, 0, 0, 0);
  struct metrics_cpu_percents percents = metrics_cpu_percents(&before, &now);
  assert_near(percents.states[CPU_WAIT], 98);
  assert_near(percents.active, 1);
}

static void two_reads_in_one_tick_have_no_shares(void **state) {
  (void)state;
  struct stats_cpu_ticks same = ticks(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
  struct metrics_cpu_percents percents = metrics_cpu_percents(&same, &same);
  assert_true(isnan(percents.active));
  assert_true(isnan(percents.states[CPU_USER]));
}

static void a_counter_may_go_backwards(void **state) {
  (void)state;
  struct stats_cpu_ticks before = ticks(100, 0, 0, 100, 50, 0, 0, 0, 0, 0);
  struct stats_cpu_ticks now = ticks(150, 0, 0, 150, 40, 0, 0, 0, 0, 0);
  struct metrics_cpu_percents percents = metrics_cpu_percents(&before, &now);
  assert_near(percents.active, 50);
  assert_near(percents.states[CPU_WAIT], 0);
}

static void guests_are_not_counted_twice(void **state) {
  (void)state;
  struct emitter emitter = recording_emitter("cpu", false);
  struct cpu_options options = defaults;
  options.report_guest_state = true;
  struct metrics_cpu_history history = {0};
  struct stats_cpu stats = {.online = 1};
  stats.all = ticks(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  metrics_send_cpu(&stats, &options, &emitter, &history);
  stats.all = ticks(60, 20, 0, 20, 0, 0, 0, 0, 40, 10);
  metrics_send_cpu(&stats, &options, &emitter, &history);
  assert_near(value("statgrab-cpu/percent-active"), 80);
  assert_near(value("statgrab-cpu/percent-user"), 20);
  assert_near(value("statgrab-cpu/percent-guest"), 40);
  assert_near(value("statgrab-cpu/percent-nice"), 10);
  assert_near(value("statgrab-cpu/percent-guest_nice"), 10);
  metrics_cpu_history_fini(&history);
}

static void percentages_begin_with_the_second_reading(void **state) {
  (void)state;
  struct emitter emitter = recording_emitter("cpu", false);
  struct metrics_cpu_history history = {0};
  struct stats_cpu stats = {.online = 4};
  stats.all = ticks(1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
  metrics_send_cpu(&stats, &defaults, &emitter, &history);
  assert_true(isnan(value("statgrab-cpu/percent-active")));
  assert_near(value("statgrab-cpu/count"), 4);
  metrics_cpu_history_fini(&history);
}

/* Processors come and go: each is compared with itself. */
static void processors_are_reported_separately(void **state) {
  (void)state;
  struct emitter emitter = recording_emitter("cpu", false);
  struct cpu_options options = defaults;
  options.report_by_cpu = true;
  struct metrics_cpu_history history = {0};
  struct stats_cpu stats = {0};
  struct stats_cpu_ticks zero = ticks(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  stats_cpu_clear(&stats);
  stats.all = zero;
  for (unsigned i = 0; i < 3; i++) {
    assert_int_equal(stats_cpu_add(&stats, i, &zero), 0);
  }
  metrics_send_cpu(&stats, &options, &emitter, &history);
  stats_cpu_clear(&stats);
  stats.all = zero;
  struct stats_cpu_ticks busy = ticks(30, 0, 0, 10, 0, 0, 0, 0, 0, 0);
  assert_int_equal(stats_cpu_add(&stats, 2, &busy), 0);
  assert_int_equal(stats_cpu_add(&stats, 7, &busy), 0);
  metrics_send_cpu(&stats, &options, &emitter, &history);
  assert_near(value("statgrab-cpu-2/percent-user"), 75);
  assert_true(isnan(value("statgrab-cpu-7/percent-user")));
  assert_true(isnan(value("statgrab-cpu-0/percent-user")));
  stats_cpu_fini(&stats);
  metrics_cpu_history_fini(&history);
}

static void native_names_keep_native_meaning(void **state) {
  (void)state;
  struct emitter emitter = recording_emitter("cpu", true);
  struct cpu_options options = {0};
  struct metrics_cpu_history history = {0};
  struct stats_cpu stats = {.online = 1};
  stats.all = ticks(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  metrics_send_cpu(&stats, &options, &emitter, &history);
  stats.all = ticks(20, 0, 0, 50, 30, 0, 0, 0, 0, 0);
  metrics_send_cpu(&stats, &options, &emitter, &history);
  assert_near(value("native/percent-active"), 50); /* waiting is activity */
  assert_near(value("statgrab-cpu/percent-active"), 20);
  metrics_cpu_history_fini(&history);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_all_of_the_line),
      cmocka_unit_test(wait_stays_below_a_hundred),
      cmocka_unit_test(two_reads_in_one_tick_have_no_shares),
      cmocka_unit_test(a_counter_may_go_backwards),
      cmocka_unit_test(guests_are_not_counted_twice),
      cmocka_unit_test(percentages_begin_with_the_second_reading),
      cmocka_unit_test(processors_are_reported_separately),
      cmocka_unit_test(native_names_keep_native_meaning),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* metrics_cpu: shares of the time between two reads. */
#include "statgrab/metrics.h"

#include "statgrab/emitter_recorder.h"
#include "statgrab/stats.h"

static const struct cpu_options defaults = {
    .report_by_state = true,
    .values_percentage = true,
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

static struct stats all;

/* As a collector does: what was read becomes the last read. */
static void send_cpu(const struct cpu_options *options,
                     const struct emitter *emitter) {
  metrics_send_cpu(&all.cpu_before, &all.cpu, options, emitter);
  stats_exchange_cpu(&all);
  stats_cpu_clear(&all.cpu);
}

static void guests_are_not_counted_twice(void **state) {
  (void)state;
  struct emitter emitter = recording_emitter("cpu");
  stats_init(&all);
  all.cpu.online = 1;
  all.cpu.all = ticks(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  send_cpu(&defaults, &emitter);
  all.cpu.all = ticks(60, 20, 0, 20, 0, 0, 0, 0, 40, 10);
  send_cpu(&defaults, &emitter);
  assert_near(value("statgrab-cpu/percent-active"), 80);
  assert_near(value("statgrab-cpu/percent-user"), 60);
  assert_near(value("statgrab-cpu/percent-guest"), 40);
  assert_near(value("statgrab-cpu/percent-nice"), 20);
  assert_near(value("statgrab-cpu/percent-guest_nice"), 10);
  stats_fini(&all);
}

static void percentages_begin_with_the_second_reading(void **state) {
  (void)state;
  struct emitter emitter = recording_emitter("cpu");
  stats_init(&all);
  all.cpu.online = 4;
  all.cpu.all = ticks(1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
  send_cpu(&defaults, &emitter);
  assert_true(isnan(value("statgrab-cpu/percent-active")));
  assert_near(value("statgrab-cpu/count"), 4);
  stats_fini(&all);
}

/* Processors come and go: each is compared with itself. */
static void processors_are_reported_separately(void **state) {
  (void)state;
  struct emitter emitter = recording_emitter("cpu");
  struct cpu_options options = defaults;
  options.report_by_cpu = true;
  stats_init(&all);
  struct stats_cpu_ticks zero = ticks(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  all.cpu.all = zero;
  for (unsigned i = 0; i < 3; i++) {
    assert_int_equal(stats_cpu_add(&all.cpu, i, &zero), 0);
  }
  send_cpu(&options, &emitter);
  all.cpu.all = zero;
  struct stats_cpu_ticks busy = ticks(30, 0, 0, 10, 0, 0, 0, 0, 0, 0);
  assert_int_equal(stats_cpu_add(&all.cpu, 2, &busy), 0);
  assert_int_equal(stats_cpu_add(&all.cpu, 7, &busy), 0);
  send_cpu(&options, &emitter);
  assert_near(value("statgrab-cpu-2/percent-user"), 75);
  assert_true(isnan(value("statgrab-cpu-7/percent-user")));
  assert_true(isnan(value("statgrab-cpu-0/percent-user")));
  stats_fini(&all);
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
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

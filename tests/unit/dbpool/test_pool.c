/* SPDX-License-Identifier: MIT */
/* pool: conclusions from the states of a pool's sessions. */
#include "unit.h"

#include <math.h>

#include "dbpool/pool.h"

#define SECOND INT64_C(1000000)
#define NOW (1000000 * SECOND)

struct states {
  int64_t active, idle, in_transaction, aborted, hidden;
};

static struct pool_count count_of(const struct states *states) {
  return (struct pool_count){
      .in_state = {
          [POOL_SESSION_ACTIVE] = states->active,
          [POOL_SESSION_IDLE] = states->idle,
          [POOL_SESSION_IN_TRANSACTION] = states->in_transaction,
          [POOL_SESSION_ABORTED] = states->aborted,
          [POOL_SESSION_HIDDEN] = states->hidden,
      }};
}

static void bounds_what_is_checked_out(void **state) {
  (void)state;
  static const struct {
    const char *what;
    struct states states;
    struct pool_config config;
    int64_t checked_out, ready, capacity;
    double percent;
    bool exceeds_capacity;
  } cases[] = {
      {"an application that has not started",
       {0},
       {10, 20, 1, false},
       0,
       10,
       30,
       0,
       false},
      {"an idle pool", {.idle = 10}, {10, 20, 1, false}, 0, 10, 30, 0, false},
      {"half of it is busy",
       {.active = 5, .idle = 5},
       {10, 20, 1, false},
       5,
       5,
       30,
       100.0 * 5 / 30,
       false},
      {"overflow is checked out, whatever its state",
       {.idle = 15},
       {10, 20, 1, false},
       5,
       10,
       30,
       100.0 * 5 / 30,
       false},
      {"busy beyond the surplus",
       {.active = 6, .idle = 2, .in_transaction = 3, .aborted = 1},
       {10, 20, 1, false},
       10,
       2,
       30,
       100.0 / 3,
       false},
      {"exhausted",
       {.in_transaction = 30},
       {10, 20, 1, false},
       30,
       0,
       30,
       100,
       false},
      {"two processes",
       {.active = 25, .idle = 25},
       {10, 20, 2, false},
       30,
       20,
       60,
       50,
       false},
      {"hidden sessions count in the total only",
       {.active = 2, .hidden = 18},
       {10, 20, 1, false},
       10,
       10,
       30,
       100.0 / 3,
       false},
      {"more than the configuration allows",
       {.active = 40},
       {10, 20, 1, false},
       40,
       0,
       30,
       100,
       true},
      {"exactly what the configuration allows, all of it idle",
       {.idle = 30},
       {10, 20, 1, false},
       20,
       10,
       30,
       200.0 / 3,
       false},
      {"one more session than the configuration allows",
       {.idle = 31},
       {10, 20, 1, false},
       21,
       10,
       30,
       70,
       true},
      {"no limit but the server's, which has 80 more",
       {.active = 20},
       {10, -1, 1, false},
       20,
       0,
       100,
       20,
       false},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const struct pool_count count = count_of(&cases[i].states);
    const struct pool_estimate estimate =
        pool_estimate_use(&count, &cases[i].config, 80);
    print_message("%s\n", cases[i].what);
    assert_int_equal(estimate.checked_out, cases[i].checked_out);
    assert_int_equal(estimate.ready, cases[i].ready);
    assert_int_equal(estimate.capacity, cases[i].capacity);
    assert_true(fabs(estimate.percent_used - cases[i].percent) < 1e-9);
    assert_int_equal(estimate.exceeds_capacity, cases[i].exceeds_capacity);
  }
}

static void has_no_percentage_without_a_capacity(void **state) {
  (void)state;
  const struct pool_count count = count_of(&(struct states){.active = 3});
  const struct pool_config config = {
      .size = 10, .overflow = -1, .processes = 1};
  const struct pool_estimate estimate = pool_estimate_use(&count, &config, -1);
  assert_true(isnan(estimate.percent_used));
}

static void measures_ages(void **state) {
  (void)state;
  const struct pool_session sessions[] = {
      {.state = POOL_SESSION_IDLE,
       .backend_start_us = NOW - 50 * SECOND,
       .state_change_us = NOW - 40 * SECOND},
      {.state = POOL_SESSION_ABORTED, /* has no start of a transaction */
       .backend_start_us = NOW - 20 * SECOND,
       .state_change_us = NOW - 9 * SECOND},
      {.state = POOL_SESSION_ACTIVE,
       .backend_start_us = NOW - 30 * SECOND,
       .xact_start_us = NOW - 7 * SECOND,
       .state_change_us = NOW - 3 * SECOND,
       .is_waiting = true},
      {.state = POOL_SESSION_ACTIVE, /* clocks may be set back */
       .backend_start_us = NOW + SECOND,
       .xact_start_us = NOW + SECOND,
       .state_change_us = NOW + SECOND},
      {.state = POOL_SESSION_HIDDEN},
  };
  const struct pool_session *const pointers[] = {
      &sessions[0], &sessions[1], &sessions[2], &sessions[3], &sessions[4]};
  const struct pool_count count = pool_count_sessions(pointers, 5, NOW);
  assert_int_equal(count.in_state[POOL_SESSION_IDLE], 1);
  assert_int_equal(count.in_state[POOL_SESSION_ACTIVE], 2);
  assert_int_equal(count.in_state[POOL_SESSION_IN_TRANSACTION], 0);
  assert_int_equal(count.in_state[POOL_SESSION_ABORTED], 1);
  assert_int_equal(count.in_state[POOL_SESSION_HIDDEN], 1);
  assert_int_equal(count.oldest_session_us, 50 * SECOND);
  assert_int_equal(count.oldest_transaction_us, 9 * SECOND);
  assert_int_equal(count.oldest_wait_us, 3 * SECOND);
  assert_int_equal(count.waiting, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bounds_what_is_checked_out),
      cmocka_unit_test(has_no_percentage_without_a_capacity),
      cmocka_unit_test(measures_ages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

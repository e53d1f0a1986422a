/* SPDX-License-Identifier: MIT */
/* tail_model: many histories of a log, each from another seed.
 *
 * FOLLOW_SEED=N runs one history and prints it; FOLLOW_RUNS=N sets how many. */
#include "tail_model.h"

#define RUNS 1000

static uint64_t number_from(const char *variable, uint64_t otherwise) {
  const char *text = getenv(variable);
  return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void every_line_is_taken_once(void **state) {
  (void)state;
  uint64_t seed = number_from("FOLLOW_SEED", 0);
  if (seed != 0) {
    assert_int_equal(live(&(struct chance){.seed = seed}, true), 0);
    return;
  }
  uint64_t runs = number_from("FOLLOW_RUNS", RUNS);
  uint64_t first = (uint64_t)time(NULL) * 10000;
  uint64_t failed = 0;
  print_message("%llu histories from seed %llu\n", (unsigned long long)runs,
                (unsigned long long)first);
  for (uint64_t i = 0; i < runs; i++) {
    int wrong = live(&(struct chance){.seed = first + i}, false);
    if (wrong > 0) {
      print_error("FOLLOW_SEED=%llu: %d lines lost or double\n",
                  (unsigned long long)(first + i), wrong);
      failed++;
    }
  }
  assert_int_equal(failed, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_line_is_taken_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

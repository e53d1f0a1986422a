/* SPDX-License-Identifier: MIT */
/* backoff: doubling, capped, shortened by at most a quarter. */
#include "unit.h"

#include "core/backoff.h"

static void doubles_to_its_cap_and_starts_again(void **state) {
  struct backoff backoff = {.first_ms = 1000, .max_ms = 5000};
  static const int64_t pauses_ms[] = {1000, 2000, 4000, 5000, 5000};
  assert_true(backoff_is_over(&backoff, 0));
  for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
    backoff_fail(&backoff, 100, 0);
    assert_false(backoff_is_over(&backoff, 100 + pauses_ms[i] - 1));
    assert_true(backoff_is_over(&backoff, 100 + pauses_ms[i]));
  }
  backoff_reset(&backoff);
  assert_true(backoff_is_over(&backoff, 100));
  backoff_fail(&backoff, 0, 0);
  assert_int_equal(backoff.not_before_ms, 1000);
}

static void jitters_by_a_quarter_at_the_most(void **state) {
  for (uint32_t random = 0; random < 2000; random++) {
    struct backoff backoff = {.first_ms = 1000, .max_ms = 5000};
    backoff_fail(&backoff, 0, random);
    assert_in_range(backoff.not_before_ms, 750, 1000);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(doubles_to_its_cap_and_starts_again),
      cmocka_unit_test(jitters_by_a_quarter_at_the_most),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

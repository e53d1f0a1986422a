/* SPDX-License-Identifier: MIT */
/* test_unmatched_rules: whether a metric can have one of the listed types. */
#include "unit.h"

#include "ctl/check/unmatched_rules.h"

static void test_types(void **state) {
  (void)state;
  const char *types = "percent-used memory-* uptime";
  assert_true(unmatched_rules_has_type(types, "percent-used"));
  assert_true(unmatched_rules_has_type(types, "percent-*"));
  assert_true(unmatched_rules_has_type(types, "memory-free"));
  assert_true(unmatched_rules_has_type(types, "uptime"));
  assert_false(unmatched_rules_has_type(types, "percent-usd"));
  assert_false(unmatched_rules_has_type(types, "memory"));
  assert_false(unmatched_rules_has_type(types, ""));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_types),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

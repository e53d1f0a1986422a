/* SPDX-License-Identifier: MIT */
/* test_metric_catalogue: whether two globs can match one name. */
#include "unit.h"

#include "ctl/check/metric_catalogue.h"

static void test_overlaps(void **state) {
  (void)state;
  static const struct {
    const char *one, *other;
    bool is_overlap;
  } table[] = {
      {"cpu", "cpu", true},
      {"cpu", "cpu-0", false},
      {"cpu*", "cpu-0", true},
      {"cpu-*", "cpu", false},
      {"*", "", true},
      {"", "", true},
      {"", "a", false},
      {"*-used", "percent-*", true},
      {"*-used", "*-free", false},
      {"dbpool-trad*", "dbpool-trading", true},
      {"dbpool-trad*", "dbpool-billing", false},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"a[bx]c", "abc", true},
      {"a[bx]c", "adc", true}, /* a set counts as any character */
      {"a[bx]c", "abbc", false},
      {"*a*b*", "xaybz", true},
      {"*a*b*", "xbya", false},
      {"**", "x", true},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    if (metric_catalogue_globs_overlap(table[i].one, table[i].other) !=
            table[i].is_overlap ||
        metric_catalogue_globs_overlap(table[i].other, table[i].one) !=
            table[i].is_overlap) {
      fail_msg("%s and %s", table[i].one, table[i].other);
    }
  }
}

static void test_types(void **state) {
  (void)state;
  const struct metric_catalogue_entry entry = {"statgrab", "memory",
                                               "percent-used memory-* uptime"};
  assert_true(metric_catalogue_has_type(&entry, "percent-used"));
  assert_true(metric_catalogue_has_type(&entry, "percent-*"));
  assert_true(metric_catalogue_has_type(&entry, "memory-free"));
  assert_true(metric_catalogue_has_type(&entry, "uptime"));
  assert_false(metric_catalogue_has_type(&entry, "percent-usd"));
  assert_false(metric_catalogue_has_type(&entry, "memory"));
  assert_false(metric_catalogue_has_type(&entry, ""));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_overlaps),
      cmocka_unit_test(test_types),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

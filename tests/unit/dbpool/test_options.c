/* SPDX-License-Identifier: MIT */
/* options: which pool a log is about, and whether its settings differ. */
#include "unit.h"

#include <math.h>

#include "dbpool/options.h"

static struct dbpool_pool_options pools[] = {
    {.head = {.label = (char[]){"trading"}},
     .size = 10,
     .max_overflow = 20,
     .timeout_s = 30},
    {.head = {.label = (char[]){"billing"}}},
};

static void finds_the_pool_of_a_log(void **state) {
  (void)state;
  struct dbpool_options options = {.pools = {pools, 2}};
  assert_ptr_equal(dbpool_find_pool(&options, "billing"), &pools[1]);
  assert_null(dbpool_find_pool(&options, "web"));
  options.pools.len = 1;
  assert_ptr_equal(dbpool_find_pool(&options, "web"), &pools[0]);
  options.pools.len = 0;
  assert_null(dbpool_find_pool(&options, "web"));
}

static void reports_what_differs(void **state) {
  (void)state;
  static const struct {
    struct dbpool_logged_settings logged;
    const char *text; /* NULL: nothing differs */
  } cases[] = {
      {{10, 20, 30}, NULL},
      {{(double)NAN, (double)NAN, (double)NAN}, NULL},
      {{10, 20, 30.005}, NULL},
      {{20, 20, 30}, "PoolSize 10 (logged: 20)"},
      {{5, 10, 2.5},
       "PoolSize 10 (logged: 5), MaxOverflow 20 (logged: 10), "
       "PoolTimeout 30 (logged: 2.5)"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char text[160];
    bool differs =
        dbpool_settings_differ(&pools[0], &cases[i].logged, text, sizeof(text));
    assert_int_equal(differs, cases[i].text != NULL);
    assert_string_equal(text, differs ? cases[i].text : "");
  }
  char small[8];
  assert_true(dbpool_settings_differ(&pools[0], &cases[4].logged, small,
                                     sizeof(small)));
  assert_string_equal(small, "PoolSiz");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_the_pool_of_a_log),
      cmocka_unit_test(reports_what_differs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

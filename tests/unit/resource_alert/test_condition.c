/* SPDX-License-Identifier: MIT */
/* condition: OnlyIf lines that are taken, and those that are refused. */
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "resource_alert/rules/condition.h"

/* 128 bytes: one more than a name has. */
#define SIXTEEN "0123456789abcdef"
#define LONG_NAME                                                              \
  SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN

static struct condition parse(const char *metric, const char *comparison) {
  struct condition condition = {0};
  struct error error = {{0}};
  if (condition_init(&condition, metric, comparison, &error) != 0) {
    fail_msg("%s", error.text);
  }
  return condition;
}

static void compares(void **state) {
  (void)state;
  static const struct {
    const char *comparison;
    bool below, at, above;
  } cases[] = {
      {"< 5", true, false, false},
      {"<=5", true, true, false},
      {"> 5", false, false, true},
      {">=  5", false, true, true},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct condition condition = parse("p/t", cases[i].comparison);
    assert_int_equal(condition_holds(&condition, 4.9), cases[i].below);
    assert_int_equal(condition_holds(&condition, 5), cases[i].at);
    assert_int_equal(condition_holds(&condition, 5.1), cases[i].above);
    assert_false(condition_holds(&condition, (double)NAN));
    condition_fini(&condition);
  }
}

static void names_the_series_beside(void **state) {
  (void)state;
  static const struct {
    const char *metric, *instance, *type_instance;
  } cases[] = {
      {"p/t", "trading", ""},
      {"p-own/t-x", "own", "x"},
      {"p-/t-x-y:value", "", "x-y"},
  };
  const struct reading_names evaluated = {.host = "h",
                                          .plugin = "other",
                                          .plugin_instance = "trading",
                                          .type = "other",
                                          .type_instance = "other"};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct condition condition = parse(cases[i].metric, "> 1");
    struct reading_names names;
    condition_fill_names(&condition, &evaluated, &names);
    assert_string_equal(names.host, "h");
    assert_string_equal(names.plugin, "p");
    assert_string_equal(names.plugin_instance, cases[i].instance);
    assert_string_equal(names.type, "t");
    assert_string_equal(names.type_instance, cases[i].type_instance);
    assert_true(condition_may_compare(&condition, &names));
    assert_false(condition_may_compare(&condition, &evaluated));
    condition_fini(&condition);
  }
}

static void refuses_what_says_nothing(void **state) {
  (void)state;
  static const char *const refused[][3] = {
      {"p", "> 1", "OnlyIf \"p\": is not plugin[-instance]/type"},
      {"h/p/t", "> 1", "is not plugin[-instance]/type"},
      {"p-*/t", "> 1", "without wildcards"},
      {"/t", "> 1", "has an empty part"},
      {"p/t:", "> 1", "has an empty part"},
      {"p/t:" LONG_NAME, "> 1", "or one longer than 127 bytes"},
      {"p/t", "1", "OnlyIf: \"1\" is not a comparison: write <"},
      {"p/t", "> ", "is not a comparison"},
      {"p/t", "> 1 s", "is not a comparison"},
      {"p/t", "> nan", "is not a comparison"},
  };
  for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
    struct condition condition = {0};
    struct error error = {{0}};
    assert_int_equal(
        condition_init(&condition, refused[i][0], refused[i][1], &error),
        -EINVAL);
    if (strstr(error.text, refused[i][2]) == NULL) {
      fail_msg("%s", error.text);
    }
    assert_null(condition.text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(compares),
      cmocka_unit_test(names_the_series_beside),
      cmocka_unit_test(refuses_what_says_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* notation: what a line of readings means, and what is none. */
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctl/simulate/notation.h"
#include "support/failing.h"

/* "40 40 _ nan": a word for each point. */
static void assert_means(const char *text, const char *wanted) {
  struct notation notation = {0};
  struct error error = {{0}};
  char told[256] = "";
  assert_int_equal(notation_parse(text, &notation, &error), 0);
  for (size_t i = 0; i < notation.len; i++) {
    const struct notation_point *point = &notation.points[i];
    size_t used = strlen(told);
    const char *blank = used == 0 ? "" : " ";
    if (!point->is_there) {
      (void)snprintf(told + used, sizeof(told) - used, "%s_", blank);
    } else if (isnan(point->value)) {
      (void)snprintf(told + used, sizeof(told) - used, "%snan", blank);
    } else {
      (void)snprintf(told + used, sizeof(told) - used, "%s%g", blank,
                     point->value);
    }
  }
  assert_string_equal(told, wanted);
  notation_fini(&notation);
}

static void test_words(void **state) {
  (void)state;
  assert_means("", "");
  assert_means("80", "80");
  assert_means("  80\t-3.5\n1e3 ", "80 -3.5 1000");
  assert_means("80x3", "80 80 80");
  assert_means("50+5x4", "50 55 60 65");
  assert_means("50-5x4", "50 45 40 35");
  assert_means("-2-0.5x3", "-2 -2.5 -3");
  assert_means("0x3", "0 0 0");
  assert_means("nan nanx2 1", "nan nan nan 1");
  assert_means("_ 1 _x3", "_ 1 _ _ _");
}

static void test_what_is_no_reading(void **state) {
  (void)state;
  static const char *const texts[] = {
      "x",     "80y",  "80x",   "80x0",  "80x-3", "80x3x",  "50+5",
      "50+x4", "_5",   "_+1x2", "inf",   "80,90", "80x2.5", "80x99999999",
      "__",    "4 0o", "--5",   "+-5x2", "1e",
  };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    struct notation notation = {0};
    struct error error = {{0}};
    if (notation_parse(texts[i], &notation, &error) != -EINVAL) {
      fail_msg("\"%s\" is taken", texts[i]);
    }
    assert_non_null(strstr(error.text, "is no reading; write 80, 80x5"));
    notation_fini(&notation);
  }
}

static void test_the_word_that_is_wrong_is_named(void **state) {
  (void)state;
  struct notation notation = {0};
  struct error error = {{0}};
  assert_int_equal(notation_parse("80x3 8o 90", &notation, &error), -EINVAL);
  assert_non_null(strstr(error.text, "\"8o\" is no reading"));
  notation_fini(&notation);
  char text[201];
  memset(text, '7', 200);
  text[200] = '\0';
  assert_int_equal(notation_parse(text, &notation, &error), -EINVAL);
  assert_true(strlen(error.text) < 120);
  notation_fini(&notation);
}

static void test_lines_are_put_together(void **state) {
  (void)state;
  struct notation notation = {0};
  assert_int_equal(notation_parse("1 2", &notation, NULL), 0);
  assert_int_equal(notation_parse("3", &notation, NULL), 0);
  assert_int_equal(notation.len, 3);
  assert_true(notation.points[2].value > 2.5);
  notation_fini(&notation);
  assert_int_equal(notation.len, 0);
}

static void test_memory_that_is_short(void **state) {
  (void)state;
  struct notation notation = {0};
  struct error error = {{0}};
  failing_after(1);
  int code = notation_parse("1 2 3", &notation, &error);
  assert_true(failing_stop());
  assert_int_equal(code, -ENOMEM);
  notation_fini(&notation);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_words),
      cmocka_unit_test(test_what_is_no_reading),
      cmocka_unit_test(test_the_word_that_is_wrong_is_named),
      cmocka_unit_test(test_lines_are_put_together),
      cmocka_unit_test(test_memory_that_is_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

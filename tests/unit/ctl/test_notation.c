/* SPDX-License-Identifier: MIT */
/* test_notation: what names and lists of readings mean, and which are
 * refused. */
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctl/simulate/notation.h"
#include "support/failing.h"

/* "40 40 _ nan": a word for each point. */
static void assert_means(const char *text, const char *wanted) {
  struct notation_points points = {0};
  struct error error = {{0}};
  char found[256] = "";
  assert_int_equal(notation_parse_points(text, &points, &error), 0);
  for (size_t i = 0; i < points.len; i++) {
    const struct notation_point *point = &points.items[i];
    size_t used = strlen(found);
    const char *blank = used == 0 ? "" : " ";
    if (!point->has_value) {
      (void)snprintf(found + used, sizeof(found) - used, "%s_", blank);
    } else if (isnan(point->value)) {
      (void)snprintf(found + used, sizeof(found) - used, "%snan", blank);
    } else {
      (void)snprintf(found + used, sizeof(found) - used, "%s%g", blank,
                     point->value);
    }
  }
  assert_string_equal(found, wanted);
  notation_points_fini(&points);
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

static void test_words_that_are_refused(void **state) {
  (void)state;
  static const char *const texts[] = {
      "x",     "80y",  "80x",   "80x0",  "80x-3", "80x3x",  "50+5",
      "50+x4", "_5",   "_+1x2", "inf",   "80,90", "80x2.5", "80x99999999",
      "__",    "4 0o", "--5",   "+-5x2", "1e",
  };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    struct notation_points points = {0};
    struct error error = {{0}};
    if (notation_parse_points(texts[i], &points, &error) != -EINVAL) {
      fail_msg("\"%s\" is accepted", texts[i]);
    }
    assert_non_null(strstr(error.text, "is not a reading; write 80, 80x5"));
    notation_points_fini(&points);
  }
}

static void test_the_word_that_is_wrong_is_named(void **state) {
  (void)state;
  struct notation_points points = {0};
  struct error error = {{0}};
  assert_int_equal(notation_parse_points("80x3 8o 90", &points, &error),
                   -EINVAL);
  assert_non_null(strstr(error.text, "\"8o\" is not a reading"));
  notation_points_fini(&points);
  char text[201];
  memset(text, '7', 200);
  text[200] = '\0';
  assert_int_equal(notation_parse_points(text, &points, &error), -EINVAL);
  assert_true(strlen(error.text) < 120);
  notation_points_fini(&points);
}

static void test_lines_are_appended(void **state) {
  (void)state;
  struct notation_points points = {0};
  assert_int_equal(notation_parse_points("1 2", &points, NULL), 0);
  assert_int_equal(notation_parse_points("3", &points, NULL), 0);
  assert_int_equal(points.len, 3);
  assert_true(points.items[2].value > 2.5);
  notation_points_fini(&points);
  assert_int_equal(points.len, 0);
}

static void test_out_of_memory(void **state) {
  (void)state;
  struct notation_points points = {0};
  struct error error = {{0}};
  failing_after(1);
  int code = notation_parse_points("1 2 3", &points, &error);
  assert_true(failing_stop());
  assert_int_equal(code, -ENOMEM);
  notation_points_fini(&points);
}

static void test_names(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *parts[5]; /* NULL: refused */
  } table[] = {
      {"web1/cpu/load", {"web1", "cpu", "", "load", ""}},
      {"web1/df-root/percent-used", {"web1", "df", "root", "percent", "used"}},
      {"h/a-b-c/d-e-f/g", {"h", "a", "b-c", "d", "e-f/g"}},
      {"web1/cpu", {NULL}},
      {"/cpu/load", {NULL}},
      {"web1//load", {NULL}},
      {"web1/-0/load", {NULL}},
      {"web1/cpu/", {NULL}},
      {"", {NULL}},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    struct reading_names names;
    struct error error = {{0}};
    int code = notation_parse_series(table[i].text, &names, &error);
    if (table[i].parts[0] == NULL) {
      assert_int_equal(code, -EINVAL);
      assert_non_null(strstr(error.text, "is not a series; write host/"));
      continue;
    }
    assert_int_equal(code, 0);
    assert_string_equal(names.host, table[i].parts[0]);
    assert_string_equal(names.plugin, table[i].parts[1]);
    assert_string_equal(names.plugin_instance, table[i].parts[2]);
    assert_string_equal(names.type, table[i].parts[3]);
    assert_string_equal(names.type_instance, table[i].parts[4]);
  }
  struct reading_names names;
  assert_int_equal(notation_parse_subject("web1/exec-backup", &names, NULL), 0);
  assert_string_equal(names.plugin_instance, "backup");
  assert_string_equal(names.type, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_words),
      cmocka_unit_test(test_words_that_are_refused),
      cmocka_unit_test(test_the_word_that_is_wrong_is_named),
      cmocka_unit_test(test_lines_are_appended),
      cmocka_unit_test(test_out_of_memory),
      cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

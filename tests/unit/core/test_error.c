/* SPDX-License-Identifier: MIT */
/* error: one line, bounded, without control characters. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "core/error.h"

static void is_one_clean_line(void **state) {
  struct error error;
  assert_int_equal(error_set(&error, -EIO, "a\nb %s", "\x1b[1m"), -EIO);
  assert_string_equal(error.text, "a?b ?[1m");
  error_prefix(&error, "<Pool \"%s\">", "x");
  assert_string_equal(error.text, "<Pool \"x\">: a?b ?[1m");
  assert_int_equal(error_set(NULL, -EIO, "nobody listens"), -EIO);
  error_prefix(NULL, "nobody");
}

static void is_cut_at_its_end(void **state) {
  char text[2 * ERROR_TEXT_BYTES];
  memset(text, 'x', sizeof(text));
  text[sizeof(text) - 1] = '\0';
  struct error error;
  (void)error_set(&error, -EIO, "%s", text);
  assert_int_equal(strlen(error.text), ERROR_TEXT_BYTES - 1);
  error_prefix(&error, "before");
  assert_int_equal(strlen(error.text), ERROR_TEXT_BYTES - 1);
  assert_memory_equal(error.text, "before: xx", 10);
  error_prefix(&error, "%s", text);
  assert_int_equal(strlen(error.text), ERROR_TEXT_BYTES - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_one_clean_line),
      cmocka_unit_test(is_cut_at_its_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

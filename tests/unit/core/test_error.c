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

static void hides_what_a_server_repeats(void **state) {
  static const struct {
    const char *text, *secret, *left;
  } cases[] = {
      {"status 404: Cannot POST /services/T0/XYZZYX", "/services/T0/XYZZYX",
       "status 404"},
      {"status 403: the token XYZZYX is old", "Authorization: Bearer XYZZYX",
       "status 403"},
      {"status 400: no: XYZZYX?", "key=XYZZYX", "status 400: no"},
      {"XYZZYX", "XYZZYX", ""},
      {"status 404: no /hook", "/hook", "status 404: no /hook"},
      {"status 404: gone", "/services/XYZZYX", "status 404: gone"},
      {"status 404: gone", "", "status 404: gone"},
      {"status 404: gone", NULL, "status 404: gone"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct error error;
    (void)error_set(&error, -EIO, "%s", cases[i].text);
    error_hide(&error, cases[i].secret);
    assert_string_equal(error.text, cases[i].left);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_one_clean_line),
      cmocka_unit_test(is_cut_at_its_end),
      cmocka_unit_test(hides_what_a_server_repeats),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

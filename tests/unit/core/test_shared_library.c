/* SPDX-License-Identifier: MIT */
/* shared_library: functions of a library that is loaded on demand. */
#include "unit.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "core/shared_library.h"

#define JANSSON_FUNCTIONS(X) X(json_, integer) X(json_, integer_value)
SHARED_LIBRARY(jansson, JANSSON_FUNCTIONS, "libjansson.so.4");
SHARED_LIBRARY(absent, JANSSON_FUNCTIONS, "libabsent.so.4");
SHARED_LIBRARY(other, JANSSON_FUNCTIONS, "libm.so.6");

static int initialized;
static int initialize_code;

static int initialize(void) {
  initialized++;
  return initialize_code;
}

static void is_loaded_and_initialized_once(void **state) {
  struct error error = {{0}};
  initialize_code = -EIO;
  assert_int_equal(shared_library_load(&jansson_library, initialize, &error),
                   -EIO);
  assert_string_equal(
      error.text, "libjansson.so.4: cannot be initialized: Input/output error");
  initialize_code = 0;
  for (int i = 0; i < 2; i++) {
    assert_int_equal(shared_library_load(&jansson_library, initialize, &error),
                     0);
  }
  assert_int_equal(initialized, 2);
  json_t *number = jansson.integer(7);
  assert_int_equal(jansson.integer_value(number), 7);
  json_decref(number);
}

static void a_missing_one_is_named(void **state) {
  struct error error = {{0}};
  assert_int_equal(shared_library_load(&absent_library, NULL, &error),
                   -ELIBACC);
  assert_non_null(strstr(error.text, "libabsent.so.4: cannot open"));
  assert_non_null(strstr(
      error.text, "; install the package that contains libabsent.so.4, or "));
}

static void one_without_the_function_is_refused(void **state) {
  struct error error = {{0}};
  for (int i = 0; i < 2; i++) {
    assert_int_equal(shared_library_load(&other_library, NULL, &error),
                     -ELIBACC);
    assert_non_null(strstr(error.text, "undefined symbol: json_integer;"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_loaded_and_initialized_once),
      cmocka_unit_test(a_missing_one_is_named),
      cmocka_unit_test(one_without_the_function_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

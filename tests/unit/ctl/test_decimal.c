/* SPDX-License-Identifier: MIT */
/* decimal: the same number as strtod() to the last bit, and the same end. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/simulate/decimal.h"

static void assert_as_strtod(const char *text) {
  char *wanted_end = NULL;
  double wanted = strtod(text, &wanted_end);
  double number = 7;
  const char *end = decimal_parse(text, &number);
  if (memcmp(&number, &wanted, sizeof(number)) != 0 || end != wanted_end) {
    fail_msg("\"%s\": %.17g for %.17g, %zu characters for %zu", text, number,
             wanted, (size_t)(end - text), (size_t)(wanted_end - text));
  }
}

static void test_what_is_written_in_many_ways(void **state) {
  (void)state;
  static const char *const texts[] = {
      "0",
      "-0",
      "80",
      "1793000000.123,4",
      "-0.5\n",
      "41.",
      "0.1",
      "9007199254740991",
      "9007199254740992",
      "9007199254740993",
      "123456789012345678",
      "1234567890123456789012345",
      "0.000000000000000000000001",
      "1e5",
      "1.5E-3,",
      "2.5e+300",
      "1e999",
      "0x1p3",
      "0x",
      "nan",
      "-nan,1",
      "inf",
      ".5",
      " 5",
      "+5",
      "-",
      "",
      ",",
      "1.2.3",
      "1..2",
      "-.5",
  };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    assert_as_strtod(texts[i]);
  }
}

/* As the csv plugin writes values, and with more digits than that. */
static void test_what_is_written_by_printf(void **state) {
  (void)state;
  srand(1);
  for (int i = 0; i < 200000; i++) {
    char text[64];
    double number = ((double)rand() - RAND_MAX / 2.0) / (1 + rand() % 100000);
    (void)snprintf(text, sizeof(text), "%.*f", rand() % 20, number);
    assert_as_strtod(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_written_in_many_ways),
      cmocka_unit_test(test_what_is_written_by_printf),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

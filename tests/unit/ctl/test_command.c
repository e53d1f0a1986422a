/* SPDX-License-Identifier: MIT */
/* test_command: durations, and arguments that are refused. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

static void test_durations(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double seconds; /* 0: refused */
  } table[] = {
      {"90", 90},     {"90s", 90},    {"15m", 900},   {"2h", 7200},
      {"7d", 604800}, {"1w", 604800}, {"0.5h", 1800}, {"365d", 31536000},
      {"", 0},        {"soon", 0},    {"0", 0},       {"-5s", 0},
      {"5 s", 0},     {"366d", 0},    {"nan", 0},     {"inf", 0},
      {"1e9", 0},     {"5ms", 0},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    struct error error = {{0}};
    double seconds = 0;
    int code = command_parse_duration(table[i].text, &seconds, &error);
    bool is_refused = !(table[i].seconds > 0);
    if (code != (is_refused ? -EINVAL : 0)) {
      fail_msg("\"%s\": %d", table[i].text, code);
    }
    assert_int_equal(seconds * 10, table[i].seconds * 10);
    assert_true(!is_refused || strstr(error.text, "is not a duration") != NULL);
  }
}

static void test_names_are_unique(void **state) {
  (void)state;
  for (size_t i = 0; i < command_table_len; i++) {
    for (size_t j = 0; j < i; j++) {
      assert_string_not_equal(command_table[i]->name, command_table[j]->name);
    }
    assert_null(command_table[i]->flags[COMMAND_FLAGS_MAX - 1].name);
  }
}

static void test_bad_arguments_are_refused(void **state) {
  (void)state;
  static const char *const table[][4] = {
      {"chekc"},
      {"check", "--nothing"},
      {"check", "a", "b"},
      {"silence"},
      {"silence", "x", "--for"},
      {"status", "--json=yes"},
      {"mode", "--for", "1h"},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    char words[5][16] = {"ctl"};
    char *argv[6] = {words[0]};
    int argc = 1;
    for (; argc <= 4 && table[i][argc - 1] != NULL; argc++) {
      (void)snprintf(words[argc], sizeof(words[0]), "%s", table[i][argc - 1]);
      argv[argc] = words[argc];
    }
    assert_int_equal(command_main(argc, argv), COMMAND_UNKNOWN);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_durations),
      cmocka_unit_test(test_names_are_unique),
      cmocka_unit_test(test_bad_arguments_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

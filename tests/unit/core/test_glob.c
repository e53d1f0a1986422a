/* SPDX-License-Identifier: MIT */
/* glob: every element, and patterns that blow up naive matchers. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "core/glob.h"

static void matches(void **state) {
  static const struct {
    const char *pattern, *text;
    bool is_match;
  } cases[] = {
      {"", "", true},           {"", "a", false},
      {"a", "", false},         {"abc", "abc", true},
      {"abc", "abcd", false},   {"abcd", "abc", false},
      {"*", "", true},          {"*", "anything", true},
      {"df-*", "df-", true},    {"df-*", "df-root", true},
      {"df-*", "xdf-", false},  {"*-used", "percent-used", true},
      {"a*b*c", "aXbYc", true}, {"a*b*c", "aXcYb", false},
      {"a*bc", "abbc", true},   {"**a", "ba", true},
      {"a?c", "abc", true},     {"a?c", "ac", false},
      {"?", "", false},         {"[a-c]x", "bx", true},
      {"[a-c]x", "dx", false},  {"[!a-c]", "d", true},
      {"[^a-c]", "a", false},   {"[]]", "]", true},
      {"[a-]", "-", true},      {"[-a]", "-", true},
      {"[", "[", false},        {"[a", "a", false},
      {"\\*", "*", true},       {"\\*", "a", false},
      {"\\", "\\", false},      {"a\\", "a", false},
      {"[\xe4]", "\xe4", true}, {"*\xff", "a\xff", true},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    if (glob_matches(cases[i].pattern, cases[i].text) != cases[i].is_match) {
      fail_msg("\"%s\" on \"%s\"", cases[i].pattern, cases[i].text);
    }
  }
}

static void takes_no_exponential_time(void **state) {
  char text[2048];
  memset(text, 'a', sizeof(text) - 1);
  text[sizeof(text) - 1] = '\0';
  assert_false(glob_matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

static void checks(void **state) {
  assert_int_equal(glob_check("a*[!]x]?\\[", NULL), 0);
  struct error error = {{0}};
  assert_int_equal(glob_check("a[b", &error), -EINVAL);
  assert_string_equal(error.text, "has a [ without its ]");
  assert_int_equal(glob_check("a\\", &error), -EINVAL);
  assert_string_equal(error.text, "ends in a backslash");
  assert_true(glob_is_literal("statgrab"));
  assert_false(glob_is_literal("df-*"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matches),
      cmocka_unit_test(takes_no_exponential_time),
      cmocka_unit_test(checks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

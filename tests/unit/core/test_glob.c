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

static void two_patterns_overlap(void **state) {
  static const struct {
    const char *one, *other;
    bool is_overlap;
  } table[] = {
      {"cpu", "cpu", true},
      {"cpu", "cpu-0", false},
      {"cpu*", "cpu-0", true},
      {"cpu-*", "cpu", false},
      {"*", "", true},
      {"", "", true},
      {"", "a", false},
      {"*-used", "percent-*", true},
      {"*-used", "*-free", false},
      {"dbpool-trad*", "dbpool-trading", true},
      {"dbpool-trad*", "dbpool-billing", false},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"a[bx]c", "abc", true},
      {"a[bx]c", "adc", true}, /* a set counts as any character */
      {"a[bx]c", "abbc", false},
      {"*a*b*", "xaybz", true},
      {"*a*b*", "xbya", false},
      {"**", "x", true},
      {"a\\*", "a*", true},
      {"a\\*", "ab", false},
      {"\\a", "a", true},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    if (glob_overlaps(table[i].one, table[i].other) != table[i].is_overlap ||
        glob_overlaps(table[i].other, table[i].one) != table[i].is_overlap) {
      fail_msg("%s and %s", table[i].one, table[i].other);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matches),
      cmocka_unit_test(takes_no_exponential_time),
      cmocka_unit_test(checks),
      cmocka_unit_test(two_patterns_overlap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

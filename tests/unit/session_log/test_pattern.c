/* SPDX-License-Identifier: MIT */
/* pattern: texts, regexes, what every match of them must hold, refusals. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_log/match/pattern.h"

/* The texts of a pattern, with bars between. */
static const char *texts_of(const char *text) {
  static char joined[512];
  struct pattern *pattern = NULL;
  struct error error = {{0}};
  assert_int_equal(pattern_new(text, &pattern, &error), 0);
  const struct pattern_span *literals = NULL;
  size_t len = pattern_get_literals(pattern, &literals);
  joined[0] = '\0';
  for (size_t i = 0; i < len; i++) {
    size_t bytes = strlen(joined);
    (void)snprintf(joined + bytes, sizeof(joined) - bytes, "%s%.*s",
                   i > 0 ? "|" : "", (int)literals[i].bytes, literals[i].text);
  }
  pattern_free(pattern);
  return joined;
}

static void knows_what_a_match_must_hold(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *texts;
  } cases[] = {
      {"Creating new database session", "Creating new database session"},
      {"\\b(ERROR|CRITICAL)\\b", "ERROR|CRITICAL"},
      {"session [0-9a-f]+ opened", "session "},
      {"a(b|cd)e failure", "e failure"},
      {"x?yes", "yes"},
      {"yes*", ""},
      {"yess*", "yes"},
      {"(yes)?no", ""},
      {"(yes|no way)+ok", "yes|no way"},
      {"(yes|.*)", ""},
      {"abc{0,2}d", ""},
      {"abcd{2}ef", "abcd"},
      {"abc{0}def", "def"},
      {"^start of it$", "start of it"},
      {"a\\.b\\[c\\]", "a.b[c]"},
      {"\\d+ms elapsed", "ms elapsed"},
      {"(?:one|three) four", " four"},
      {"(?:one|three)\\d", "one|three"},
      {"(?=ahead)longer text", "longer text"},
      {"(?!ahead)text", "text"},
      {"(?<name>text)", "text"},
      {"(?i)text", ""},
      {"[]abc]text", "text"},
      {"[[:alpha:]]text", "text"},
      {"\\Qtext\\E", ""},
      {"error|fatal|ok", ""},
      {"error|fatal", "error|fatal"},
      {"(*UTF)text", ""},
      {"\\x41text", ""},
      {"((((deep text))))", "deep text"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    assert_string_equal(texts_of(cases[i].pattern), cases[i].texts);
  }
}

/* Whatever the set says: a line that matches holds one of its texts. */
static void never_claims_too_much(void **state) {
  (void)state;
  static const char *const parts[] = {"abc", "(", ")", "|",   "?",   "*",
                                      "+",   "[", "]", "{2}", "x",   "\\d",
                                      "^",   ".", "y", "(?:", "\\b", "{0,1}"};
  static const char *const lines[] = {"abc",        "abcabc",   "xy",
                                      "xxabcabcyy", "abc1abc2", "",
                                      "x",          "yabcx",    "abxaby"};
  uint32_t random = 3;
  int compiled = 0;
  for (int run = 0; run < 20000; run++) {
    char text[128] = "";
    for (int i = 0; i < 6; i++) {
      random = random * 1664525 + 1013904223;
      (void)strncat(text, parts[(random >> 16) % 18], 8);
    }
    struct pattern *pattern = NULL;
    if (pattern_new(text, &pattern, NULL) != 0) {
      continue;
    }
    compiled++;
    const struct pattern_span *literals = NULL;
    size_t len = pattern_get_literals(pattern, &literals);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
      size_t bytes = strlen(lines[i]);
      if (len == 0 || pattern_match(pattern, lines[i], bytes, NULL) != 1) {
        continue;
      }
      int held = 0;
      for (size_t j = 0; j < len; j++) {
        held += memmem(lines[i], bytes, literals[j].text, literals[j].bytes) !=
                NULL;
      }
      assert_true(held > 0);
    }
    pattern_free(pattern);
  }
  assert_true(compiled > 1000);
}

static void hands_out_the_first_group(void **state) {
  (void)state;
  struct pattern *pattern = NULL;
  struct pattern_span part = {NULL, 0};
  const char *line = "pid=17 session=a\0b7 end";
  assert_int_equal(pattern_new("session=([^ ]+)", &pattern, NULL), 0);
  assert_int_equal(pattern_match(pattern, line, 23, &part), 1);
  assert_int_equal(part.bytes, 4);
  assert_memory_equal(part.text, "a\0b7", 4);
  assert_int_equal(pattern_match(pattern, line, 7, &part), 0);
  pattern_free(pattern);
}

static void invalid_utf8_is_just_bytes(void **state) {
  (void)state;
  struct pattern *pattern = NULL;
  assert_int_equal(pattern_new("\\bERROR\\b", &pattern, NULL), 0);
  assert_int_equal(pattern_match(pattern, "\xff\xfe\xc3 ERROR \x80", 10, NULL),
                   1);
  pattern_free(pattern);
}

static void gives_up_on_endless_backtracking(void **state) {
  (void)state;
  struct pattern *pattern = NULL;
  char line[5000];
  memset(line, 'a', sizeof(line));
  memcpy(line, "slow", 4);
  assert_int_equal(pattern_new("slow(a+)+[bc]", &pattern, NULL), 0);
  assert_int_equal(pattern_match(pattern, line, sizeof(line), NULL), -E2BIG);
  pattern_free(pattern);
}

static void refuses_with_a_reason(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *reason;
  } cases[] = {
      {"", "must not be empty"},
      {"a\nb", "cannot match: a line holds no newline"},
      {"(ab", "is not a regular expression: at position 3: missing closing "
              "parenthesis"},
      {".*", "holds no plain text of 3 or more characters that every match "
             "contains"},
      {"ab", "holds no plain text of 3 or more characters that every match "
             "contains"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct error error = {{0}};
    assert_int_equal(pattern_check_has_literal(cases[i].pattern, &error),
                     -EINVAL);
    assert_string_equal(error.text, cases[i].reason);
  }
  assert_int_equal(pattern_check("(\\w+)", NULL), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(knows_what_a_match_must_hold),
      cmocka_unit_test(never_claims_too_much),
      cmocka_unit_test(hands_out_the_first_group),
      cmocka_unit_test(invalid_utf8_is_just_bytes),
      cmocka_unit_test(gives_up_on_endless_backtracking),
      cmocka_unit_test(refuses_with_a_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

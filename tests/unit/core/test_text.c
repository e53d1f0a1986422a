/* SPDX-License-Identifier: MIT */
/* text: what hostile strings become. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"

static void escapes_what_readers_choke_on(void **state) {
  static const struct {
    const char *from, *to;
  } cases[] = {
      {"", ""},
      {"SELECT 1", "SELECT 1"},
      {"a\nb\tc\\d\re", "a\\nb\\tc\\\\d\\x0de"},
      {"\x1b[2J\x7f", "\\x1b[2J\\x7f"},
      {"Gr\xc3\xbc\xc3\x9f"
       "e \xe2\x82\xac \xf0\x9f\x98\x80",
       "Gr\xc3\xbc\xc3\x9f"
       "e \xe2\x82\xac \xf0\x9f\x98\x80"},
      {"\xfc", "\\xfc"},                            /* Latin-1 */
      {"\xe2\x82", "\\xe2\\x82"},                   /* cut */
      {"\xc0\xaf", "\\xc0\\xaf"},                   /* overlong */
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* a surrogate */
      {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},          /* overlong */
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
      {"\xf0\x80\x80\x80", "\\xf0\\x80\\x80\\x80"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char to[64];
    text_escape(to, sizeof(to), cases[i].from);
    assert_string_equal(to, cases[i].to);
  }
}

static void cuts_off_white_space_at_the_end(void **state) {
  char text[][16] = {"", "\n", "no disk \r\n\n", "a\nb\t", "whole"};
  static const char *const cut[] = {"", "", "no disk", "a\nb", "whole"};
  for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
    text_chomp(text[i]);
    assert_string_equal(text[i], cut[i]);
  }
}

static void cuts_at_a_whole_character(void **state) {
  static const char *const cut[] = {"",       "a",      "a",
                                    "a",      "a",      "a\\x01",
                                    "a\\x01", "a\\x01", "a\\x01\xe2\x82\xac"};
  for (size_t bytes = 1; bytes <= sizeof(cut) / sizeof(cut[0]); bytes++) {
    char to[16];
    text_escape(to, bytes, "a\x01\xe2\x82\xac");
    assert_string_equal(to, cut[bytes - 1]);
  }
}

static void blanks_controls(void **state) {
  static const struct {
    const char *from, *to;
  } cases[] = {
      {"a\nb\x7f", "a?b?"},
      {"\x1b]0;x\x07", "?]0;x?"},
      {"a\xc2\x9b"
       "2J",
       "a?2J"},                                   /* C1: CSI */
      {"a\x9b!", "a?!"},                          /* the same as one byte */
      {"\xe2\x80\xa8\xe2\x80\xa9", "??"},         /* line separators */
      {"\xe2\x80\xaegpj.\xe2\x81\xa6", "?gpj.?"}, /* bidi */
      {"\xd8\x9c\xe2\x80\x8f", "??"},
      {"Gr\xc3\xbc\xc3\x9f \xe2\x82\xac", "Gr\xc3\xbc\xc3\x9f \xe2\x82\xac"},
      {"\xfc", "\xfc"}, /* Latin-1 */
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char text[32];
    (void)snprintf(text, sizeof(text), "%s", cases[i].from);
    text_blank_controls(text);
    assert_string_equal(text, cases[i].to);
  }
}

static void escapes_controls_beyond_ascii(void **state) {
  char to[64];
  text_escape(to, sizeof(to), "a\xc2\x9b\xe2\x80\xae");
  assert_string_equal(to, "a\\xc2\\x9b\\xe2\\x80\\xae");
}

/* Whatever two texts become when they are cut or cleaned, they differ. */
static void makes_names_that_stay_apart(void **state) {
  char one[32], two[32];
  text_make_name(one, sizeof(one), "a/b c\xc3\xbc");
  assert_string_equal(one, "a-b c\xc3\xbc");
  text_make_name(one, sizeof(one), "a\n");
  text_make_name(two, sizeof(two), "a\xe2\x80\xae");
  assert_memory_equal(one, "a_-", 3);
  assert_memory_equal(two, "a_-", 3);
  assert_string_not_equal(one, two);
  text_make_name(one, sizeof(one), "MessagesInPerSec.OneMinuteRate.1");
  text_make_name(two, sizeof(two), "MessagesInPerSec.OneMinuteRate.2");
  assert_int_equal(strlen(one), sizeof(one) - 1);
  assert_string_not_equal(one, two);
  text_make_name(one, sizeof(one), "MessagesInPerSec.OneMinuteRate.");
  assert_string_equal(one, "MessagesInPerSec.OneMinuteRate.");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(escapes_what_readers_choke_on),
      cmocka_unit_test(cuts_off_white_space_at_the_end),
      cmocka_unit_test(cuts_at_a_whole_character),
      cmocka_unit_test(blanks_controls),
      cmocka_unit_test(escapes_controls_beyond_ascii),
      cmocka_unit_test(makes_names_that_stay_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

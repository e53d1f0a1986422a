/* SPDX-License-Identifier: MIT */
/* text: what hostile strings become. */
#include "unit.h"

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
  char text[] = "a\nb\x7f";
  text_blank_controls(text);
  assert_string_equal(text, "a?b?");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(escapes_what_readers_choke_on),
      cmocka_unit_test(cuts_off_white_space_at_the_end),
      cmocka_unit_test(cuts_at_a_whole_character),
      cmocka_unit_test(blanks_controls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

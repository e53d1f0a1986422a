/* SPDX-License-Identifier: MIT */
/* query_text: which parts of a statement are masked. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "dbpool/query_text.h"

static void assert_masked(const char *sql, const char *wanted) {
  char text[256];
  query_text_mask(text, sizeof(text), sql);
  assert_string_equal(text, wanted);
}

static void literals_are_masked(void **state) {
  (void)state;
  assert_masked("SELECT * FROM t1 WHERE a = 'x' AND b2 = 17",
                "SELECT * FROM t1 WHERE a = ? AND b2 = ?");
  assert_masked("ALTER ROLE app PASSWORD 'it''s'; SELECT 1",
                "ALTER ROLE app PASSWORD ?; SELECT ?");
  assert_masked("SELECT E'a\\'b' || e'\\\\' || x", "SELECT ? || ? || x");
  assert_masked("SELECT B'01', X'1f', N'n', U&'\\0061' UESCAPE '!'",
                "SELECT ?, ?, ?, ? UESCAPE ?");
  assert_masked("SELECT $$a'b$$, $t$ $$ $T$ $t$, $1, $2::int",
                "SELECT ?, ?, $1, $2::int");
  assert_masked("SELECT -1, +2.5e-3, .5, 1_000, 0x1F, 1e5, 1-2, a-3",
                "SELECT -?, +?, ?, ?, ?, ?, ?-?, a-?");
  assert_masked("SELECT 'a'\n'b'", "SELECT ?\n?");
}

static void names_stay(void **state) {
  (void)state;
  assert_masked("SELECT a1, _2, a$1, \"it's 5\", \"a\"\"7\" FROM s.t$2",
                "SELECT a1, _2, a$1, \"it's 5\", \"a\"\"7\" FROM s.t$2");
  assert_masked("SELECT \xc3\xa4"
                "1, E, e, x FROM u",
                "SELECT \xc3\xa4"
                "1, E, e, x FROM u");
  assert_masked("SELECT $1, $23", "SELECT $1, $23");
  assert_masked("", "");
}

static void comments_are_removed(void **state) {
  (void)state;
  assert_masked("SELECT 1 -- user 'bob'\nFROM t", "SELECT ?  \nFROM t");
  assert_masked("SELECT /* a /* 'b */ c */ x", "SELECT   x");
  assert_masked("SELECT a/**/b", "SELECT a b");
  assert_masked("SELECT 1--secret", "SELECT ? ");
  assert_masked("SELECT '--', '/*', \"--\", 'secret'",
                "SELECT ?, ?, \"--\", ?");
}

/* Whatever is cut or means different things by the server's settings. */
static void what_is_in_doubt_is_masked(void **state) {
  (void)state;
  assert_masked("SELECT 'secre", "SELECT ?");
  assert_masked("SELECT $x$ secre", "SELECT ?");
  assert_masked("SELECT $x$ secret $x", "SELECT ?");
  assert_masked("SELECT /* secre", "SELECT  ");
  assert_masked("SELECT E'secret\\", "SELECT ?");
  assert_masked("SELECT '\\' || secret || '", "SELECT ?");
  assert_masked("SELECT 'a\\'' secret '", "SELECT ?");
  assert_masked("SELECT 'secret''", "SELECT ?");
  assert_masked("SELECT typE'secret'", "SELECT typE?");
  assert_masked("'", "?");
  assert_masked("$", "$");
  assert_masked("$$", "?");
  assert_masked("E'", "?");
  assert_masked("U&", "U&");
  assert_masked("-", "-");
  assert_masked("/*/", " ");
}

static void the_result_is_bounded(void **state) {
  (void)state;
  char text[8];
  query_text_mask(text, sizeof(text), "SELECT_a_long_name");
  assert_string_equal(text, "SELECT_");
  query_text_mask(text, 1, "SELECT");
  assert_string_equal(text, "");
  query_text_mask(text, 2, "'a'");
  assert_string_equal(text, "?");
}

/* A text of "secret" inside quotes never comes out, whatever stands around. */
static void no_secret_comes_out_of_random_statements(void **state) {
  (void)state;
  static const char *const parts[] = {"'secret'",
                                      "E'\\'secret'",
                                      "$a$secret$a$",
                                      "$$secret'$$",
                                      "/*secret*/",
                                      "--secret\n",
                                      " ",
                                      "a",
                                      "\"q'q\"",
                                      "=",
                                      "$1",
                                      "'secret''secret'",
                                      "(",
                                      ",",
                                      "X'secret'"};
  srand(7);
  for (int i = 0; i < 20000; i++) {
    char sql[512] = "";
    char text[512];
    for (int part = 0; part < 12; part++) {
      strcat(sql, parts[(size_t)rand() % (sizeof(parts) / sizeof(parts[0]))]);
      strcat(sql, " ");
    }
    sql[(size_t)rand() % (strlen(sql) + 1)] = '\0';
    query_text_mask(text, sizeof(text), sql);
    if (strstr(text, "secre") != NULL) {
      fail_msg("%s became %s", sql, text);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(literals_are_masked),
      cmocka_unit_test(names_stay),
      cmocka_unit_test(comments_are_removed),
      cmocka_unit_test(what_is_in_doubt_is_masked),
      cmocka_unit_test(the_result_is_bounded),
      cmocka_unit_test(no_secret_comes_out_of_random_statements),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

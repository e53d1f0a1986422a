/* SPDX-License-Identifier: MIT */
/* matcher: the search for texts finds the lines that plain searching finds. */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "session_log/match/matcher.h"

#define BYTES 4096

struct taken {
  size_t at, bytes;
  uint64_t texts;
};

struct notes {
  const char *data;
  struct taken lines[BYTES];
  size_t len;
};

static struct line_reader reader;

static void take(void *context, struct matcher_line *line) {
  struct notes *notes = context;
  notes->lines[notes->len++] = (struct taken){
      (size_t)(line->text - notes->data), line->bytes, line->kinds};
}

static const char *const texts[] = {"Creating new database session",
                                    "Closing database session",
                                    "Database session error",
                                    "ERROR",
                                    "abc",
                                    "bcd"};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

/* One rule a text: kind i is text i. */
static struct matcher *make(void) {
  struct matcher_rule rules[TEXTS];
  struct matcher *matcher = NULL;
  for (size_t i = 0; i < TEXTS; i++) {
    rules[i] = (struct matcher_rule){
        .kind = (unsigned)i, .option = "Opened", .pattern = texts[i]};
  }
  assert_int_equal(matcher_new(rules, TEXTS, &matcher, NULL), 0);
  return matcher;
}

/* The obvious ways. */
static size_t count_newlines(const char *data, size_t bytes) {
  size_t newlines = 0;
  for (size_t i = 0; i < bytes; i++) {
    newlines += data[i] == '\n';
  }
  return newlines;
}

static void search_plainly(const char *data, size_t bytes,
                           struct notes *notes) {
  for (size_t start = 0; start < bytes;) {
    const char *newline = memchr(data + start, '\n', bytes - start);
    size_t end = newline == NULL ? bytes : (size_t)(newline - data);
    struct taken line = {start, end - start, 0};
    for (size_t i = 0; i < TEXTS; i++) {
      if (memmem(data + start, end - start, texts[i], strlen(texts[i]))) {
        line.texts |= UINT64_C(1) << i;
      }
    }
    if (line.texts != 0) {
      line.bytes -= line.bytes > 0 && data[end - 1] == '\r';
      notes->lines[notes->len++] = line;
    }
    start = end + 1;
  }
}

static void compare(struct matcher *matcher, const char *text, size_t bytes) {
  static struct notes wanted;
  static struct notes found;
  struct matcher_limit limit = {.hits = 0};
  /* Of exactly this size, so that a sanitizer sees what reads too far. */
  char *data = malloc(bytes + 1);
  assert_non_null(data);
  char *start = data + 1;
  memcpy(start, text, bytes);
  wanted.len = 0;
  wanted.data = start;
  search_plainly(start, bytes, &wanted);
  found.len = 0;
  found.data = start;
  assert_int_equal(
      matcher_find_lines(matcher, &reader, start, bytes, &limit, take, &found),
      count_newlines(start, bytes));
  assert_int_equal(found.len, wanted.len);
  for (size_t i = 0; i < wanted.len; i++) {
    assert_int_equal(found.lines[i].at, wanted.lines[i].at);
    assert_int_equal(found.lines[i].bytes, wanted.lines[i].bytes);
    assert_int_equal(found.lines[i].texts, wanted.lines[i].texts);
  }
  free(data);
}

static void finds_what_plain_search_finds(void **state) {
  (void)state;
  struct matcher *matcher = make();
  static const char *const cases[] = {
      "",
      "\n",
      "abc",
      "bcd",
      "abcd\n",
      "ab",
      "ab\nc\n",
      "abc\r\n\r\n",
      "ERROR",
      "\n\n\nERROR\n\n",
      "Closing database session",
      "Closing database sessio",
      "Creating new database session Closing database session\n",
      "xx Database session error\nDatabase session error",
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    compare(matcher, cases[i], strlen(cases[i]));
  }
  matcher_free(matcher);
}

static void finds_a_text_at_every_place(void **state) {
  (void)state;
  struct matcher *matcher = make();
  char data[400];
  for (size_t i = 0; i < TEXTS; i++) {
    size_t len = strlen(texts[i]);
    for (size_t at = 0; at + len <= 200; at++) {
      memset(data, 'x', sizeof(data));
      memcpy(data + at, texts[i], len);
      compare(matcher, data, 200);
      compare(matcher, data, at + len);     /* ends with it */
      compare(matcher, data, at + len - 1); /* cut off */
    }
  }
  matcher_free(matcher);
}

static void agrees_on_random_bytes(void **state) {
  (void)state;
  struct matcher *matcher = make();
  uint32_t random = 7;
  char data[BYTES];
  for (int run = 0; run < 300; run++) {
    size_t bytes = 0;
    while (bytes < BYTES - 64) {
      random = random * 1664525 + 1013904223;
      const char *text = texts[(random >> 8) % TEXTS];
      size_t len = strlen(text);
      size_t cut = (random >> 16) % 4 == 0 ? (random >> 20) % len : len;
      memcpy(data + bytes, text, cut);
      bytes += cut;
      for (unsigned i = (random >> 12) % 16; i > 0; i--) {
        random = random * 1664525 + 1013904223;
        data[bytes++] = "abcdER\n\r Cl\0\xff\x80_t"[random >> 28];
      }
    }
    compare(matcher, data, bytes);
  }
  matcher_free(matcher);
}

static void texts_beyond_ascii_are_found(void **state) {
  (void)state;
  const struct matcher_rule rule = {.option = "Opened",
                                    .pattern = "\xc3\xa4\xc3\xb6\xc3\xbc"};
  struct matcher *matcher = NULL;
  struct matcher_limit limit = {.hits = 0};
  struct notes notes = {.len = 0};
  const char data[] = "x\nSitzung \xc3\xa4\xc3\xb6\xc3\xbc!\n";
  assert_int_equal(matcher_new(&rule, 1, &matcher, NULL), 0);
  notes.data = data;
  assert_int_equal(matcher_find_lines(matcher, &reader, data, strlen(data),
                                      &limit, take, &notes),
                   2);
  assert_int_equal(notes.len, 1);
  assert_int_equal(notes.lines[0].at, 2);
  matcher_free(matcher);
}

static void refuses_texts_that_filter_nothing(void **state) {
  (void)state;
  struct matcher *matcher = NULL;
  const struct matcher_rule rules[] = {{.option = "Opened", .pattern = "ab"},
                                       {.option = "Opened", .pattern = "a\nb"}};
  assert_int_equal(matcher_new(&rules[0], 1, &matcher, NULL), -EINVAL);
  assert_int_equal(matcher_new(&rules[1], 1, &matcher, NULL), -EINVAL);
  assert_int_equal(matcher_new(rules, 0, &matcher, NULL), -EINVAL);
  matcher_free(NULL);
}

/* The shortest text sets how far apart samples are: from 1 to the most. */
static void texts_of_every_length_are_found(void **state) {
  (void)state;
  static const char text[] = "abcdefghijklmnop";
  for (size_t bytes = PATTERN_LITERAL_BYTES_MIN; bytes < sizeof(text);
       bytes++) {
    char pattern[sizeof(text)] = "";
    memcpy(pattern, text, bytes);
    const struct matcher_rule rule = {.option = "Opened", .pattern = pattern};
    struct matcher *matcher = NULL;
    assert_int_equal(matcher_new(&rule, 1, &matcher, NULL), 0);
    for (size_t at = 0; at < 100; at++) {
      char data[128];
      struct matcher_limit limit = {.hits = 0};
      struct notes notes = {.data = data};
      memset(data, '.', sizeof(data));
      memcpy(data + at, text, bytes);
      assert_int_equal(matcher_find_lines(matcher, &reader, data, at + bytes,
                                          &limit, take, &notes),
                       0);
      assert_int_equal(notes.len, 1);
      assert_int_equal(matcher_find_lines(matcher, &reader, data,
                                          at + bytes - 1, &limit, take, &notes),
                       0);
      assert_int_equal(notes.len, 1); /* one byte is missing */
    }
    matcher_free(matcher);
  }
}

static void long_data_is_searched_whole(void **state) {
  (void)state;
  struct matcher *matcher = make();
  static char data[100000];
  const size_t bytes = sizeof(data);
  for (size_t i = 0; i < bytes; i++) {
    data[i] = i % 97 == 0 || (i > 60000 && i < 80000) ? '\n' : 'x';
  }
  for (size_t at = 16384 - 30; at + 30 < bytes; at += 16383) {
    memcpy(data + at, texts[0], strlen(texts[0])); /* across a span's end */
  }
  for (size_t cut = 0; cut < 130; cut++) {
    compare(matcher, data, bytes - cut);
  }
  matcher_free(matcher);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_what_plain_search_finds),
      cmocka_unit_test(finds_a_text_at_every_place),
      cmocka_unit_test(agrees_on_random_bytes),
      cmocka_unit_test(texts_beyond_ascii_are_found),
      cmocka_unit_test(texts_of_every_length_are_found),
      cmocka_unit_test(refuses_texts_that_filter_nothing),
      cmocka_unit_test(long_data_is_searched_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

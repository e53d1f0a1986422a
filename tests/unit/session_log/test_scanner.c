/* SPDX-License-Identifier: MIT */
/* scanner: every engine finds the lines that plain searching finds. */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "session_log/scan/scanner.h"

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

static void take(void *context, const struct scanner_line *line) {
  struct notes *notes = context;
  notes->lines[notes->len++] = (struct taken){
      (size_t)(line->text - notes->data), line->bytes, line->texts};
}

static const char *const texts[] = {"Creating new database session",
                                    "Closing database session",
                                    "Database session error",
                                    "ERROR",
                                    "abc",
                                    "bcd"};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static struct scanner *make(void) {
  struct pattern_span spans[TEXTS];
  struct scanner *scanner = NULL;
  for (size_t i = 0; i < TEXTS; i++) {
    spans[i] = (struct pattern_span){texts[i], strlen(texts[i])};
  }
  assert_int_equal(scanner_new(spans, TEXTS, &scanner), 0);
  return scanner;
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

static void compare(struct scanner *scanner, const char *text, size_t bytes) {
  static struct notes wanted;
  static struct notes found;
  /* Of exactly this size, so that a sanitizer sees what reads too far. */
  char *data = calloc(1, bytes + SCANNER_SLACK_BYTES);
  assert_non_null(data);
  memcpy(data, text, bytes);
  memset(data + bytes, 'a', SCANNER_SLACK_BYTES); /* must not matter */
  memcpy(data + bytes, "bcd\n\nERROR", 10);
  wanted.len = 0;
  wanted.data = data;
  search_plainly(data, bytes, &wanted);
  for (int engine = PREFILTER_PORTABLE; engine <= PREFILTER_AVX512; engine++) {
    if (scanner_use(scanner, (enum prefilter_engine)engine) == -ENOTSUP) {
      continue;
    }
    found.len = 0;
    found.data = data;
    assert_int_equal(scanner_run(scanner, data, bytes, take, &found),
                     count_newlines(data, bytes));
    assert_int_equal(found.len, wanted.len);
    for (size_t i = 0; i < wanted.len; i++) {
      assert_int_equal(found.lines[i].at, wanted.lines[i].at);
      assert_int_equal(found.lines[i].bytes, wanted.lines[i].bytes);
      assert_int_equal(found.lines[i].texts, wanted.lines[i].texts);
    }
  }
  free(data);
}

static void finds_what_plain_search_finds(void **state) {
  (void)state;
  struct scanner *scanner = make();
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
    compare(scanner, cases[i], strlen(cases[i]));
  }
  scanner_free(scanner);
}

static void finds_a_text_at_every_place(void **state) {
  (void)state;
  struct scanner *scanner = make();
  char data[400];
  for (size_t i = 0; i < TEXTS; i++) {
    size_t len = strlen(texts[i]);
    for (size_t at = 0; at + len <= 200; at++) {
      memset(data, 'x', sizeof(data));
      memcpy(data + at, texts[i], len);
      compare(scanner, data, 200);
      compare(scanner, data, at + len);     /* ends with it */
      compare(scanner, data, at + len - 1); /* cut off */
    }
  }
  scanner_free(scanner);
}

static void agrees_on_random_bytes(void **state) {
  (void)state;
  struct scanner *scanner = make();
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
    compare(scanner, data, bytes);
  }
  scanner_free(scanner);
}

static void texts_beyond_ascii_are_found(void **state) {
  (void)state;
  const struct pattern_span span = {"\xc3\xa4\xc3\xb6\xc3\xbc", 6};
  struct scanner *scanner = NULL;
  struct notes notes = {.len = 0};
  char data[64 + SCANNER_SLACK_BYTES] =
      "x\nSitzung \xc3\xa4\xc3\xb6\xc3\xbc!\n";
  assert_int_equal(scanner_new(&span, 1, &scanner), 0);
  notes.data = data;
  assert_int_equal(scanner_run(scanner, data, strlen(data), take, &notes), 2);
  assert_int_equal(notes.len, 1);
  assert_int_equal(notes.lines[0].at, 2);
  scanner_free(scanner);
}

static void refuses_texts_that_filter_nothing(void **state) {
  (void)state;
  struct scanner *scanner = NULL;
  const struct pattern_span spans[] = {{"ab", 2}, {"a\nb", 3}};
  assert_int_equal(scanner_new(&spans[0], 1, &scanner), -EINVAL);
  assert_int_equal(scanner_new(&spans[1], 1, &scanner), -EINVAL);
  assert_int_equal(scanner_new(spans, 0, &scanner), -EINVAL);
  scanner_free(NULL);
}

static void long_data_is_searched_whole(void **state) {
  (void)state;
  struct scanner *scanner = make();
  static char data[100000];
  const size_t bytes = sizeof(data);
  for (size_t i = 0; i < bytes; i++) {
    data[i] = i % 97 == 0 || (i > 60000 && i < 80000) ? '\n' : 'x';
  }
  for (size_t at = 16384 - 30; at + 30 < bytes; at += 16383) {
    memcpy(data + at, texts[0], strlen(texts[0])); /* across a span's end */
  }
  for (size_t cut = 0; cut < 130; cut++) {
    compare(scanner, data, bytes - cut);
  }
  scanner_free(scanner);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_what_plain_search_finds),
      cmocka_unit_test(finds_a_text_at_every_place),
      cmocka_unit_test(agrees_on_random_bytes),
      cmocka_unit_test(texts_beyond_ascii_are_found),
      cmocka_unit_test(refuses_texts_that_filter_nothing),
      cmocka_unit_test(long_data_is_searched_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

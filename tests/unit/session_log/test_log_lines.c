/* SPDX-License-Identifier: MIT */
/* log_lines: the level, the time and the record of the lines in log_lines/: of
 * real loggers (real.txt) and after documented formats (documented.txt). */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "session_log/match/matcher.h"

#define LINE_BYTES 8192
/* Formats with a time a minute exact, and the run of make_lines itself. */
#define TIME_SLACK_S 120

struct marked_line {
  char level;   /* E, i, - */
  int64_t at_s; /* 0: none */
  bool begins;
  char text[LINE_BYTES];
};

static int formats, lines_len, wrong;
static char format[128];
static int64_t latest_s; /* a time in the file: now is a little later */

/* "\e" is an escape. */
static void unescape(char *text) {
  char *to = text;
  for (const char *at = text; *at != '\0' && *at != '\n'; at++) {
    bool is_escape = at[0] == '\\' && at[1] == 'e' && at[2] == '[';
    *to++ = is_escape ? '\x1b' : *at;
    at += is_escape;
  }
  *to = '\0';
}

static void note_hit(void *context, struct matcher_line *line) {
  (void)line;
  *(int *)context += 1;
}

/* Does the search find the line, as the plugin would? */
static bool is_found(const char *text, struct line_reader *reader) {
  const struct matcher_rule rule = {0, NULL, NULL, true};
  struct matcher *matcher = NULL;
  struct matcher_limit limit = {0};
  int hits = 0;
  assert_int_equal(matcher_new(&rule, 1, &matcher, NULL), 0);
  (void)matcher_find_lines(matcher, reader, text, strlen(text), &limit,
                           note_hit, &hits);
  matcher_free(matcher);
  return hits == 1;
}

static void complain(const struct marked_line *line, const char *what) {
  wrong++;
  print_error("%s: %s: %.200s\n", format, what, line->text);
}

static void check_line(const struct marked_line *line) {
  struct line_reader reader = {.now_s = latest_s + TIME_SLACK_S};
  struct line_fields fields;
  size_t bytes = strlen(line->text);
  char *copy = malloc(bytes + 1); /* no byte more: for the sanitizer */
  assert_non_null(copy);
  memcpy(copy, line->text, bytes);
  line_fields_read(&reader, copy, bytes, &fields);
  free(copy);
  char level = fields.level == LEVEL_ERROR         ? 'E'
               : fields.level == LEVEL_BELOW_ERROR ? 'i'
                                                   : '-';
  int64_t off_s = fields.at_s - line->at_s;
  if (level != line->level) {
    complain(line, level == 'E'   ? "level error"
                   : level == 'i' ? "level below error"
                                  : "no level");
  }
  if (fields.has_time != (line->at_s != 0)) {
    complain(line, fields.has_time ? "a time" : "no time");
  } else if (fields.has_time &&
             (off_s > TIME_SLACK_S || off_s < -TIME_SLACK_S)) {
    complain(line, "another time");
  }
  if (fields.begins_record != line->begins) {
    complain(line, fields.begins_record ? "begins" : "does not begin");
  }
  if (is_found(line->text, &reader) != (line->level == 'E')) {
    complain(line, "search");
  }
}

static void read_marked_line(char *text) {
  struct marked_line line = {.level = text[0]};
  char *rest = NULL;
  line.at_s = text[2] == '-' ? 0 : strtoll(text + 2, &rest, 10);
  rest = text[2] == '-' ? text + 3 : rest;
  assert_true(rest[0] == '\t' && rest[2] == '\t');
  line.begins = rest[1] == 'B';
  memcpy(line.text, rest + 3, strlen(rest + 3) + 1);
  unescape(line.text);
  latest_s = line.at_s != 0 ? line.at_s : latest_s;
  lines_len++;
  check_line(&line);
}

static void check_file(const char *name) {
  char path[512];
  static char text[LINE_BYTES];
  (void)snprintf(path, sizeof(path), "%.*slog_lines/%s",
                 (int)(strrchr(__FILE__, '/') + 1 - __FILE__), __FILE__, name);
  FILE *file = fopen(path, "re");
  assert_non_null(file);
  latest_s = 1706695200;
  while (fgets(text, sizeof(text), file) != NULL) {
    if (text[0] == '=') {
      formats++;
      text[strcspn(text, "\n")] = '\0';
      (void)snprintf(format, sizeof(format), "%.100s", text + 2);
    } else if (text[0] != '#') {
      read_marked_line(text);
    }
  }
  assert_int_equal(fclose(file), 0);
}

static void every_line_is_read_as_marked(void **state) {
  (void)state;
  check_file("real.txt");
  check_file("documented.txt");
  print_message("%d formats, %d lines, %d wrong\n", formats, lines_len, wrong);
  assert_true(formats >= 60);
  assert_int_equal(wrong, 0);
}

static int use_utc(void **state) {
  (void)state;
  static char zone[] = "TZ=UTC";
  return putenv(zone) == 0 ? (tzset(), 0) : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(every_line_is_read_as_marked, use_utc),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

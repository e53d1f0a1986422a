/* SPDX-License-Identifier: MIT */
/* line_repetitions: how many lines a line of syslog stands for. */
#include <ctype.h>

#include "session_log/match/line_cursor.h"
#include "session_log/match/matcher.h"

#define REPEATED_MAX 10000

/* A word and the blanks behind it. Returns its length; 0 at the end. */
static size_t skip_word(struct line_cursor *cursor) {
  const char *from = cursor->at;
  while (cursor->at < cursor->end && *cursor->at != ' ') {
    cursor->at++;
  }
  size_t bytes = (size_t)(cursor->at - from);
  while (line_cursor_skip_char(cursor, ' ')) {
  }
  return bytes;
}

/* "Jan 31 10:00:00" or "2024-01-31T10:00:00Z", the host and "TAG:". */
static bool skip_syslog_header(struct line_cursor *cursor) {
  const char *from = cursor->at;
  bool is_iso = cursor->end - from > 10 && isdigit((unsigned char)from[0]) &&
                from[10] == 'T';
  bool is_plain = cursor->end - from > 15 && isupper((unsigned char)from[0]) &&
                  from[3] == ' ' && from[6] == ' ' && from[9] == ':' &&
                  from[12] == ':' && from[15] == ' ';
  for (int words = is_iso ? 2 : 4; words > 0; words--) {
    (void)skip_word(cursor);
  }
  const char *tag = cursor->at;
  size_t bytes = skip_word(cursor);
  return (is_iso || is_plain) && bytes > 1 && tag[bytes - 1] == ':';
}

uint32_t line_repetitions_parse(const char *line, size_t bytes) {
  struct line_cursor cursor = {line, line + bytes};
  uint32_t times = 0;
  if (line_cursor_skip_char(&cursor, '<')) {
    while (cursor.at < cursor.end && isdigit((unsigned char)*cursor.at)) {
      cursor.at++;
    }
    (void)line_cursor_skip_char(&cursor, '>');
  }
  if (!skip_syslog_header(&cursor) ||
      !line_cursor_skip_text(&cursor, "message repeated ")) {
    return 1;
  }
  for (; cursor.at < cursor.end && isdigit((unsigned char)*cursor.at) &&
         times <= REPEATED_MAX;
       cursor.at++) {
    times = times * 10 + (uint32_t)(*cursor.at - '0');
  }
  bool is_whole =
      line_cursor_skip_text(&cursor, " times: [") && line[bytes - 1] == ']';
  return is_whole && times >= 1 && times <= REPEATED_MAX ? times : 1;
}

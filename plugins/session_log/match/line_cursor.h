/* SPDX-License-Identifier: MIT */
/* line_cursor: a part of a line that is being read, and its times. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line_cursor {
  const char *at;
  const char *end;
};

struct line_reader;

bool line_cursor_skip_char(struct line_cursor *cursor, char c);
bool line_cursor_skip_one_of(struct line_cursor *cursor, const char *set);
bool line_cursor_skip_text(struct line_cursor *cursor, const char *text);

/* Exactly DIGITS of them. */
bool line_cursor_parse_digits(struct line_cursor *cursor, int digits,
                              int64_t *ret_number);

/* Reads the time that CURSOR begins with, in any of the formats of
 * line_fields_read(), and steps over it. Returns 0 and *ret_s, or -ENOENT. */
int line_time_parse(struct line_reader *reader, struct line_cursor *cursor,
                    int64_t *ret_s);

/* Seconds since the epoch, or their thousandth, millionth ...: the first ten
 * digits are the seconds. Returns 0 or -ENOENT. */
int line_time_parse_epoch(struct line_cursor cursor, int64_t *ret_s);

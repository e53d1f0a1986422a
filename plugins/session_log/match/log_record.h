/* SPDX-License-Identifier: MIT */
/* log_record: which record a line belongs to, and when it was written. A record
 * begins with a line that has a time or a level; what follows it, such as a
 * traceback, is a part of it. */
#pragma once

#include "session_log/match/matcher.h"

/* The record of the last line that was looked at. All zero: none. */
struct log_record {
  const char *data;          /* that is being read; borrowed */
  const char *start;         /* its first line in the data; NULL: before them */
  const char *looked_to;     /* lines before this one have been looked at */
  bool is_known;             /* a first line was found */
  struct line_fields fields; /* of the first line */
  unsigned counted;          /* kinds of its lines that have been counted */
};

/* Begins with DATA, which continues what was read last if IS_NEXT. */
void log_record_begin_data(struct log_record *record, const char *data,
                           bool is_next);

/* Finds the record of LINE, which is behind the lines found before. */
void log_record_find(struct log_record *record, struct line_reader *reader,
                     const struct matcher_line *line);

/* Finds the record that is open at the end of the data. */
void log_record_end_data(struct log_record *record, struct line_reader *reader,
                         size_t bytes);

/* Marks that a line of KIND was counted. Returns false if the record had one
 * before: one failure is one error. */
bool log_record_count(struct log_record *record, unsigned kind);

/* When a line was written, as far as its file shows it. Seconds. */
struct line_origin {
  int64_t polled_s; /* the poll before this one; 0: none */
  int64_t guess_s;  /* for lines of which no time can be read */
  bool is_fresh;    /* written since that poll */
  bool is_new_file; /* the file was made since that poll */
};

/* The time in the line or in its record, at most now. That of a fresh line that
 * is far from now has another zone: it happened now. */
int64_t log_record_find_time(const struct log_record *record,
                             const struct line_reader *reader,
                             const struct matcher_line *line,
                             const struct line_origin *origin);

/* SPDX-License-Identifier: MIT */
/* matcher: finds the lines of a log that match a rule, and their kinds; reads
 * numbers, the time and the level of a line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "session_log/match/level_words.h"
#include "session_log/match/pattern.h"

#define MATCHER_KINDS_MAX 16
#define MATCHER_KIND_BIT(kind) (1U << (kind))

/* What makes a line one of a kind. All borrowed until the matcher is freed. */
struct matcher_rule {
  unsigned kind;       /* 0 .. MATCHER_KINDS_MAX - 1, each at most once */
  const char *option;  /* for messages; NULL: built in */
  const char *pattern; /* NULL: no such lines, or by their level */
  bool is_by_level;    /* without a pattern: lines of level error */
};

/* What the lines of a log are read with. Not locked: one owner. */
struct line_reader {
  int64_t now_s;           /* since the epoch */
  const char *level_field; /* of JSON lines; borrowed; NULL: the usual names */
  /* The minute that was converted last: lines of one minute need one conversion
   * of local time. */
  int64_t minute;  /* since the epoch, as if local time were UTC */
  int64_t start_s; /* of this minute, since the epoch */
};

/* What a line says about itself. */
struct line_fields {
  bool has_time;
  int64_t at_s;           /* since the epoch; with has_time */
  enum level_class level; /* LEVEL_NONE, LEVEL_BELOW_ERROR or LEVEL_ERROR */
  bool is_coded; /* the level is a number or a short word: no text shows it */
  bool begins_record; /* others, such as those of a traceback, continue it */
};

struct matcher_line {
  const char *text; /* without newline and carriage return */
  size_t bytes;
  unsigned kinds; /* MATCHER_KIND_BIT()s; at least one */
  struct line_fields fields;
  bool is_read; /* the fields are set */
};

/* Searches that were stopped because the pattern backtracks too much. */
struct matcher_limit {
  uint64_t hits;
  const char *option; /* of the last one; NULL: none */
};

struct matcher; /* one owner: matching writes into it */

/* Returns 0; -EINVAL with the reason; -ENOMEM. */
int matcher_new(const struct matcher_rule *rules, size_t rules_len,
                struct matcher **ret_matcher, struct error *error);
void matcher_free(struct matcher *matcher); /* accepts NULL */

/* Calls ON_LINE for each line of DATA that is of a kind, in order, and counts
 * in LIMIT. Returns the number of newlines. */
size_t
matcher_find_lines(struct matcher *matcher, struct line_reader *reader,
                   const char *data, size_t bytes, struct matcher_limit *limit,
                   void (*on_line)(void *context, struct matcher_line *line),
                   void *context);

/* Searches a line for the PATTERN of OPTION. *ret_part: as pattern_match() has
 * it. Returns false also for a search that was stopped, and counts it. */
bool matcher_search_pattern(struct pattern *pattern, const char *option,
                            const char *line, size_t bytes,
                            struct pattern_span *ret_part,
                            struct matcher_limit *limit);

/* The decimal number that PART begins with, or that follows TEXT in the line; 0
 * where there is none. */
double matcher_parse_number(const struct pattern_span *part);
double matcher_parse_number_after(const struct matcher_line *line,
                                  const char *text);

/* ---- the time and the level of a line: line_fields.c, line_repetitions.c ----
 */

/* Reads the time and the level from the words before the message, from pairs
 * KEY=VALUE or from a JSON object, in the formats of the usual loggers; colours
 * are skipped. A record begins with a time or a level. Without a zone a time is
 * local; one without a year is the one nearest to now_s, one without a date the
 * last one before now_s. */
void line_fields_read(struct line_reader *reader, const char *line,
                      size_t bytes, struct line_fields *ret_fields);

/* Makes a short word's level the level itself, and marks it. */
void line_fields_widen_level(struct line_fields *fields);

/* How many lines LINE stands for: N in a line of syslog's form "TIME HOST TAG:
 * message repeated N times: [ TEXT]" with N up to 10,000; 1 for any other, so
 * that an application that logs what a stranger sends does not multiply it. */
uint32_t line_repetitions_parse(const char *line, size_t bytes);

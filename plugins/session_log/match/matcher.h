/* SPDX-License-Identifier: MIT */
/* matcher: finds the lines of a log that match a rule, and their kinds; reads
 * numbers, the time and the level of a line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
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

struct matcher_line {
  const char *text; /* without newline and carriage return */
  size_t bytes;
  unsigned kinds; /* MATCHER_KIND_BIT()s; at least one */
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
size_t matcher_find_lines(struct matcher *matcher, const char *data,
                          size_t bytes, struct matcher_limit *limit,
                          void (*on_line)(void *context,
                                          const struct matcher_line *line),
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

/* ---- the time and the level of a line: line_fields.c ---- */

/* The minute that was converted last: lines of one minute need one conversion
 * of local time. All zero is an empty one. Not locked: one owner. */
struct line_fields_cache {
  int64_t minute;  /* since the epoch, as if local time were UTC */
  int64_t start_s; /* of this minute, since the epoch */
};

/* Reads the time at the start of LINE, or of the value of a JSON line's time
 * field: ISO 8601 with or without zone (Python's logging, loguru), syslog's
 * "Jan 31 10:00:00" (RFC 3164) and "<13>1 2024-..." (RFC 5424), seconds or
 * milliseconds since the epoch in JSON. Without a zone it is local time. A
 * time without a year is the one nearest to now_s.
 * Returns 0 and *ret_s (seconds since the epoch), or -ENOENT. */
int line_fields_parse_time(struct line_fields_cache *cache, const char *line,
                           size_t bytes, int64_t now_s, int64_t *ret_s);

/* How many lines LINE stands for: N in a line of syslog's form "TIME HOST TAG:
 * message repeated N times: [ TEXT]" with N up to 10,000; 1 for any other, so
 * that an application that logs what a stranger sends does not multiply it. */
uint32_t line_fields_parse_repetitions(const char *line, size_t bytes);

/* Every line of level error or above contains one of these texts. Returns how
 * many there are. */
size_t line_fields_get_level_texts(const struct pattern_span **ret_texts);

/* True if the level of LINE is error or above: the value of a JSON line's
 * level field, else the first level word of the line ("INFO ... no ERROR" is
 * none). Words in small letters count in brackets or behind a '=' only. */
bool line_fields_is_error(const char *line, size_t bytes);

/* SPDX-License-Identifier: MIT */
/* matcher: finds the lines of a log that match a rule, and their kinds. */
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

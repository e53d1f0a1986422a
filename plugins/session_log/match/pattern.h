/* SPDX-License-Identifier: MIT */
/* pattern: a plain text, or a PCRE2 regex with a text that each match contains,
 * so that it is tried only on lines that contain this text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* Most texts of one pattern: the branches of "ERROR|CRITICAL|FATAL". */
#define PATTERN_LITERALS_MAX 16
/* Shorter texts are in nearly every line. */
#define PATTERN_LITERAL_BYTES_MIN 3

struct pattern; /* one owner: matching writes into it */

/* A part of a line, borrowed from it. */
struct pattern_span {
  const char *text;
  size_t bytes;
};

/* Compiles TEXT; one without regex characters is a plain text.
 * Returns 0; -EINVAL with position and reason; -ENOMEM. */
int pattern_new(const char *text, struct pattern **ret_pattern,
                struct error *error);
void pattern_free(struct pattern *pattern); /* accepts NULL */

/* The texts of which every match contains at least one. *ret_literals is
 * borrowed from the pattern. Returns how many; 0: no such text is known. */
size_t pattern_get_literals(const struct pattern *pattern,
                            const struct pattern_span **ret_literals);

/* True if each line that contains the one literal matches. */
bool pattern_is_literal(const struct pattern *pattern);

/* Searches LINE. *ret_part (may be NULL): the first group, or the whole match
 * where the pattern has none; untouched without a match.
 * Returns 1 for a match, 0 for none, -E2BIG where the search was stopped
 * because the pattern backtracks too much on this line. */
int pattern_match(struct pattern *pattern, const char *line, size_t bytes,
                  struct pattern_span *ret_part);

/* For option tables. pattern_check_has_literal(): for a pattern that is
 * searched in every line. */
int pattern_check(const char *text, struct error *error);
int pattern_check_has_literal(const char *text, struct error *error);

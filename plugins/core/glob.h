/* SPDX-License-Identifier: MIT */
/* glob: shell patterns for names that are not paths; the same in every locale,
 * and with a bound on their running time. */
#pragma once

#include <stdbool.h>

#include "core/error.h"

/* True if all of TEXT matches PATTERN: * any bytes, ? one byte, [a-z] [!a-z]
 * one byte of (outside) a set, \x the byte x itself. Bytes, no locale. A set
 * without its end never matches. At most strlen(pattern) * strlen(text)
 * steps. */
bool glob_matches(const char *pattern, const char *text);

/* True if PATTERN has nothing that glob_matches() would expand. */
bool glob_is_literal(const char *pattern);

/* Returns 0, or -EINVAL for a set without its end and a backslash at the end
 * of the pattern. */
int glob_check(const char *pattern, struct error *error);

/* True if some text matches both patterns, each a name of a configuration: the
 * time grows with a power of their length. A set counts as any byte, so that in
 * doubt they overlap. */
bool glob_overlaps(const char *one, const char *other);

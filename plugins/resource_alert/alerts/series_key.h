/* SPDX-License-Identifier: MIT */
/* series_key: the names of a series in one key, and the hash of it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/metric.h"

/* The names packed one behind the other, each with its NUL; then the name of
 * the rule, if the series is one of notifications. */
#define SERIES_KEY_BYTES (6 * READING_NAME_BYTES)

/* Writes at most SERIES_KEY_BYTES into KEY. rule_name: NULL for values.
 * ret_hash: with SEED, never 0; NULL: not wanted. Returns how many. */
size_t series_key_make(const struct reading_names *names, const char *rule_name,
                       uint64_t seed, char *key, uint64_t *ret_hash);

/* The names that KEY was made of. */
void series_key_unpack_names(const char *key, struct reading_names *ret_names);

/* SPDX-License-Identifier: MIT */
/* line_fields: reads the time and the level of a line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session_log/match/pattern.h"

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

/* Every line of level error or above contains one of these texts. Returns how
 * many there are. */
size_t line_fields_get_level_texts(const struct pattern_span **ret_texts);

/* True if the level of LINE is error or above: the value of a JSON line's
 * level field, else the first level word of the line ("INFO ... no ERROR" is
 * none). Words in small letters count in brackets or behind a '=' only. */
bool line_fields_is_error(const char *line, size_t bytes);

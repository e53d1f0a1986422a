/* SPDX-License-Identifier: MIT */
/* record_time: reads the time at which a line was written. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The minute that was converted last: lines of one minute need one conversion
 * of local time. All zero is an empty one. Not locked: one owner. */
struct record_time_cache {
  int64_t minute;  /* since the epoch, as if local time were UTC */
  int64_t start_s; /* of this minute, since the epoch */
};

/* Reads the time at the start of LINE, or of the value of a JSON line's time
 * field: ISO 8601 with or without zone (Python's logging, loguru), syslog's
 * "Jan 31 10:00:00" (RFC 3164) and "<13>1 2024-..." (RFC 5424), seconds or
 * milliseconds since the epoch in JSON. Without a zone it is local time. A
 * time without a year is the one nearest to now_s.
 * Returns 0 and *ret_s (seconds since the epoch), or -ENOENT. */
int record_time_read(struct record_time_cache *cache, const char *line,
                     size_t bytes, int64_t now_s, int64_t *ret_s);

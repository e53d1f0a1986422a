/* SPDX-License-Identifier: MIT */
/* timestamp: when a line says that it was written. */
#ifndef SESSION_LOG_SCAN_TIMESTAMP_H
#define SESSION_LOG_SCAN_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Up to the second: "2024-01-31 10:00:00". */
#define TIMESTAMP_PREFIX_BYTES 19
#define TIMESTAMP_ZONE_BYTES 8

/* What was read last: within a second, lines need no reading; within a minute,
 * no calendar. All zero is an empty one. Not locked: one owner. */
struct timestamp_cache {
  int64_t minute;  /* since the epoch, as if local time were UTC */
  int64_t start_s; /* of this minute, local time, since the epoch */
  int64_t at_s;    /* what the line began with that said: */
  char prefix[TIMESTAMP_PREFIX_BYTES];
  char zone[TIMESTAMP_ZONE_BYTES]; /* and what followed the fraction */
  size_t zone_at;                  /* 0: nothing is kept */
  bool has_zone;
};

/* Reads the time at the start of LINE, or of the value of a JSON line's time
 * field: ISO 8601 with or without zone (Python's logging, loguru), syslog's
 * "Jan 31 10:00:00" (RFC 3164) and "<13>1 2024-..." (RFC 5424), seconds or
 * milliseconds since the epoch in JSON. Without a zone it is local time. A
 * time without a year is the one nearest to now_s.
 * Returns 0 and *ret_s (seconds since the epoch), or -ENOENT. */
int timestamp_read(struct timestamp_cache *cache, const char *line,
                   size_t bytes, int64_t now_s, int64_t *ret_s);

#endif

/* SPDX-License-Identifier: MIT */
/* rate_limiter: stops what happens more often than so many times an hour, and
 * then altogether, until a person clears it. */
#ifndef RESOURCE_ALERT_RESPONSES_RATE_LIMITER_H
#define RESOURCE_ALERT_RESPONSES_RATE_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate_limiter {
  size_t max;         /* an hour; 0: no limit */
  int64_t *stamps_ms; /* ring of the last MAX */
  size_t next;
  bool is_tripped;
};

/* Returns 0 or -ENOMEM. */
int rate_limiter_init(struct rate_limiter *rate_limiter, size_t max);
void rate_limiter_fini(struct rate_limiter *rate_limiter);

/* Counts one more, now. Returns true if it is one too many, or was before: then
 * the rate_limiter is latched and it may not be done. */
bool rate_limiter_stops(struct rate_limiter *rate_limiter, int64_t now_ms);

/* Frees the latch and forgets what was counted. */
void rate_limiter_reset(struct rate_limiter *rate_limiter);

#endif

/* SPDX-License-Identifier: MIT */
/* rate_limiter: allows a number of actions an hour; after one more it is
 * tripped, and allows none until it is reset. Pure: its time is an argument. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate_limiter {
  size_t max;         /* an hour; 0: no limit */
  int64_t *stamps_ms; /* ring of the last MAX; owned */
  size_t next;        /* the oldest one */
  bool is_tripped;
};

/* Returns 0 or -ENOMEM. */
int rate_limiter_init(struct rate_limiter *limiter, size_t max);

/* Accepts all zero. */
void rate_limiter_fini(struct rate_limiter *limiter);

/* Counts one more action. Returns true, tripped, if it is one too many. */
bool rate_limiter_count(struct rate_limiter *limiter, int64_t now_ms);

void rate_limiter_reset(struct rate_limiter *limiter);

/* For a restart: when the actions of the last hour were, in seconds since the
 * epoch, oldest first. now_s: the same moment as now_ms. Yours, json_decref().
 */
json_t *rate_limiter_to_json(const struct rate_limiter *limiter, int64_t now_ms,
                             int64_t now_s);

/* Counts again what was counted before a restart. A time that is still to come,
 * because the clock was set back, counts as now. */
void rate_limiter_restore(struct rate_limiter *limiter, const json_t *times,
                          int64_t now_ms, int64_t now_s);

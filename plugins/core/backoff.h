/* SPDX-License-Identifier: MIT */
/* backoff: computes the pause before a failing target is tried again: it
 * doubles up to a maximum, with jitter so that many agents do not retry at the
 * same time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* first_ms, max_ms: the first and the longest pause. All else starts at 0. */
struct backoff {
  int64_t first_ms;
  int64_t max_ms;
  int64_t pause_ms;      /* the current pause; 0 while all is well */
  int64_t not_before_ms; /* monotonic */
};

/* A failure at now_ms. random: any 32 random bits; they shorten the pause by
 * up to a quarter. */
void backoff_fail(struct backoff *backoff, int64_t now_ms, uint32_t random);

/* A success: the next failure starts at first_ms again. */
void backoff_reset(struct backoff *backoff);

/* True if the target may be tried at now_ms. */
bool backoff_is_over(const struct backoff *backoff, int64_t now_ms);

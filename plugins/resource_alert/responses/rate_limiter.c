/* SPDX-License-Identifier: MIT */
/* rate_limiter: stops what happens more often than so many times an hour. */
#include "resource_alert/responses/rate_limiter.h"

#include <errno.h>
#include <stdlib.h>

#define HOUR_MS (INT64_C(3600) * 1000)
#define LONG_AGO_MS (INT64_MIN / 2)

int rate_limiter_init(struct rate_limiter *rate_limiter, size_t max) {
  *rate_limiter = (struct rate_limiter){.max = max};
  rate_limiter->stamps_ms = calloc(max + 1, sizeof(*rate_limiter->stamps_ms));
  if (rate_limiter->stamps_ms == NULL) {
    return -ENOMEM;
  }
  rate_limiter_reset(rate_limiter);
  return 0;
}

void rate_limiter_fini(struct rate_limiter *rate_limiter) {
  free(rate_limiter->stamps_ms);
  rate_limiter->stamps_ms = NULL;
}

bool rate_limiter_stops(struct rate_limiter *rate_limiter, int64_t now_ms) {
  int64_t *oldest = &rate_limiter->stamps_ms[rate_limiter->next];
  if (rate_limiter->max == 0) {
    return false;
  }
  if (now_ms - *oldest < HOUR_MS) {
    rate_limiter->is_tripped = true;
  }
  if (rate_limiter->is_tripped) {
    return true;
  }
  *oldest = now_ms;
  rate_limiter->next = (rate_limiter->next + 1) % rate_limiter->max;
  return false;
}

void rate_limiter_reset(struct rate_limiter *rate_limiter) {
  rate_limiter->is_tripped = false;
  for (size_t i = 0; i < rate_limiter->max; i++) {
    rate_limiter->stamps_ms[i] = LONG_AGO_MS;
  }
}

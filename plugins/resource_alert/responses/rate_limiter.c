/* SPDX-License-Identifier: MIT */
/* rate_limiter: allows a number of actions an hour. */
#include "resource_alert/responses/rate_limiter.h"

#include <errno.h>
#include <stdlib.h>

#define HOUR_MS (INT64_C(3600) * 1000)
#define LONG_AGO_MS (INT64_MIN / 2)

/* Stamps of long ago: none of them counts within the last hour. */
void rate_limiter_reset(struct rate_limiter *limiter) {
  limiter->is_tripped = false;
  for (size_t i = 0; i < limiter->max; i++) {
    limiter->stamps_ms[i] = LONG_AGO_MS;
  }
}

/* One stamp more than needed, so that a limit of 0 has memory, too. */
int rate_limiter_init(struct rate_limiter *limiter, size_t max) {
  limiter->max = max;
  limiter->stamps_ms = calloc(max + 1, sizeof(*limiter->stamps_ms));
  if (limiter->stamps_ms == NULL) {
    return -ENOMEM;
  }
  rate_limiter_reset(limiter);
  return 0;
}

void rate_limiter_fini(struct rate_limiter *limiter) {
  free(limiter->stamps_ms);
}

static void add_stamp(struct rate_limiter *limiter, int64_t at_ms) {
  limiter->stamps_ms[limiter->next] = at_ms;
  limiter->next = (limiter->next + 1) % limiter->max;
}

bool rate_limiter_count(struct rate_limiter *limiter, int64_t now_ms) {
  if (limiter->max == 0) {
    return false;
  }
  if (now_ms - limiter->stamps_ms[limiter->next] < HOUR_MS) {
    limiter->is_tripped = true;
  }
  if (!limiter->is_tripped) {
    add_stamp(limiter, now_ms);
  }
  return limiter->is_tripped;
}

json_t *rate_limiter_to_json(const struct rate_limiter *limiter, int64_t now_ms,
                             int64_t now_s) {
  json_t *times = json_array();
  for (size_t i = 0; i < limiter->max; i++) {
    int64_t age_ms =
        now_ms - limiter->stamps_ms[(limiter->next + i) % limiter->max];
    if (age_ms < HOUR_MS) {
      (void)json_array_append_new(
          times, json_integer((json_int_t)(now_s - age_ms / 1000)));
    }
  }
  return times;
}

void rate_limiter_restore(struct rate_limiter *limiter, const json_t *times,
                          int64_t now_ms, int64_t now_s) {
  size_t index;
  const json_t *time;
  json_array_foreach(times, index, time) {
    int64_t at_s = json_integer_value(time);
    if (limiter->max > 0 && at_s > now_s - HOUR_MS / 1000) {
      add_stamp(limiter,
                at_s > now_s ? now_ms : now_ms - (now_s - at_s) * 1000);
    }
  }
}

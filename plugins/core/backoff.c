/* SPDX-License-Identifier: MIT */
/* backoff: how long to leave a failing target alone. */
#include "core/backoff.h"

void backoff_fail(struct backoff *backoff, int64_t now_ms, uint32_t random) {
  backoff->pause_ms =
      backoff->pause_ms == 0 ? backoff->first_ms : backoff->pause_ms * 2;
  if (backoff->pause_ms > backoff->max_ms) {
    backoff->pause_ms = backoff->max_ms;
  }
  int64_t quarter = backoff->pause_ms / 4;
  backoff->not_before_ms =
      now_ms + backoff->pause_ms - (int64_t)random % (quarter + 1);
}

void backoff_reset(struct backoff *backoff) {
  backoff->pause_ms = 0;
  backoff->not_before_ms = 0;
}

bool backoff_is_over(const struct backoff *backoff, int64_t now_ms) {
  return backoff->pause_ms == 0 || now_ms >= backoff->not_before_ms;
}

/* SPDX-License-Identifier: MIT */
/* minute_limit: lets at most a number of events pass a minute, such as
 * notifications that input from outside causes, and counts the others. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* All zero but max at first. Not locked: one owner. */
struct minute_limit {
  int64_t max; /* events a minute; 0: none */
  int64_t from_ms;
  int64_t passed; /* in this minute */
  uint64_t held;  /* not passed, and not reported */
  bool is_reported;
};

static inline void minute_limit_advance(struct minute_limit *limit,
                                        int64_t now_ms) {
  int64_t since_ms = now_ms - limit->from_ms;
  if (since_ms < 0 || since_ms >= 60000) { /* a clock may be set back */
    limit->from_ms = now_ms;
    limit->passed = 0;
    limit->is_reported = false;
  }
}

/* True if one more event may pass at now_ms; counts it in any case. */
static inline bool minute_limit_pass(struct minute_limit *limit,
                                     int64_t now_ms) {
  minute_limit_advance(limit, now_ms);
  bool may_pass = limit->passed < limit->max;
  limit->passed += may_pass;
  limit->held += !may_pass;
  return may_pass;
}

/* How many were held back since the last report, which is due once a minute; 0:
 * none, or not due. */
static inline uint64_t minute_limit_report(struct minute_limit *limit,
                                           int64_t now_ms) {
  minute_limit_advance(limit, now_ms);
  if (limit->held == 0 || limit->is_reported) {
    return 0;
  }
  uint64_t held = limit->held;
  limit->held = 0;
  limit->is_reported = true;
  return held;
}

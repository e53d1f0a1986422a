/* SPDX-License-Identifier: MIT */
/* complaint: when to speak of a fault that lasts: the first time at once, then
 * once an hour with a count, and once when it is over. */
#ifndef CORE_COMPLAINT_H
#define CORE_COMPLAINT_H

#include <stdbool.h>
#include <stdint.h>

#define COMPLAINT_REMINDER_MS (INT64_C(3600) * 1000)

/* All zero is "nothing is wrong". Not locked: one owner. */
struct complaint {
  bool is_open;
  int64_t since_ms;
  int64_t said_ms;
  uint64_t count; /* failures since it began */
};

/* A failure at now_ms (monotonic). True if it should be said now; count then
 * tells how often it has happened. */
bool complaint_fail(struct complaint *complaint, int64_t now_ms);

/* A success at now_ms. True if a recovery should be said; *ret_lasted_ms (may
 * be NULL) then tells how long the fault stood. */
bool complaint_clear(struct complaint *complaint, int64_t now_ms,
                     int64_t *ret_lasted_ms);

#endif

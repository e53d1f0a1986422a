/* SPDX-License-Identifier: MIT */
/* complaint: decides when a lasting fault is logged: at once, then once an
 * hour, and when it ends. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define COMPLAINT_REMINDER_MS (INT64_C(3600) * 1000)

/* All zero: there is no fault. Not locked: one owner. */
struct complaint {
  bool is_open;
  int64_t since_ms;
  int64_t logged_ms;
  uint64_t count; /* failures since it began */
};

/* A failure at now_ms (monotonic). True if it should be logged now; count is
 * then how often it has happened. */
bool complaint_fail(struct complaint *complaint, int64_t now_ms);

/* A success at now_ms. True if the recovery should be logged; *ret_lasted_ms
 * (may be NULL) is then how long the fault lasted. */
bool complaint_clear(struct complaint *complaint, int64_t now_ms,
                     int64_t *ret_lasted_ms);

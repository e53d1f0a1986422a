/* SPDX-License-Identifier: MIT */
/* complaint: when to log a fault that lasts: at once, then once an hour, and
 * its end. */
#include "core/complaint.h"

#include <stddef.h>

bool complaint_fail(struct complaint *complaint, int64_t now_ms) {
  complaint->count++;
  if (!complaint->is_open) {
    complaint->is_open = true;
    complaint->since_ms = now_ms;
    complaint->logged_ms = now_ms;
    return true;
  }
  if (now_ms - complaint->logged_ms >= COMPLAINT_REMINDER_MS) {
    complaint->logged_ms = now_ms;
    return true;
  }
  return false;
}

bool complaint_clear(struct complaint *complaint, int64_t now_ms,
                     int64_t *ret_lasted_ms) {
  if (!complaint->is_open) {
    return false;
  }
  if (ret_lasted_ms != NULL) {
    *ret_lasted_ms = now_ms - complaint->since_ms;
  }
  *complaint = (struct complaint){0};
  return true;
}

/* SPDX-License-Identifier: MIT */
/* brake: stops what happens more often than so many times an hour, and then
 * altogether, until a person clears it. */
#ifndef RESOURCE_ALERT_RESPONSE_BRAKE_H
#define RESOURCE_ALERT_RESPONSE_BRAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct brake {
  size_t max;         /* an hour; 0: no limit */
  int64_t *stamps_ms; /* ring of the last MAX */
  size_t next;
  bool is_latched;
};

/* Returns 0 or -ENOMEM. */
int brake_init(struct brake *brake, size_t max);
void brake_fini(struct brake *brake);

/* Counts one more, now. Returns true if it is one too many, or was before: then
 * the brake is latched and it may not be done. */
bool brake_stops(struct brake *brake, int64_t now_ms);

/* Frees the latch and forgets what was counted. */
void brake_clear(struct brake *brake);

#endif

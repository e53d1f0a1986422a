/* SPDX-License-Identifier: MIT */
/* brake: stops what happens more often than so many times an hour. */
#include "resource_alert/response/brake.h"

#include <errno.h>
#include <stdlib.h>

#define HOUR_MS (INT64_C(3600) * 1000)
#define LONG_AGO_MS (INT64_MIN / 2)

int brake_init(struct brake *brake, size_t max) {
  *brake = (struct brake){.max = max};
  brake->stamps_ms = calloc(max + 1, sizeof(*brake->stamps_ms));
  if (brake->stamps_ms == NULL) {
    return -ENOMEM;
  }
  brake_clear(brake);
  return 0;
}

void brake_fini(struct brake *brake) {
  free(brake->stamps_ms);
  brake->stamps_ms = NULL;
}

bool brake_stops(struct brake *brake, int64_t now_ms) {
  int64_t *oldest = &brake->stamps_ms[brake->next];
  if (brake->max == 0) {
    return false;
  }
  if (now_ms - *oldest < HOUR_MS) {
    brake->is_latched = true;
  }
  if (brake->is_latched) {
    return true;
  }
  *oldest = now_ms;
  brake->next = (brake->next + 1) % brake->max;
  return false;
}

void brake_clear(struct brake *brake) {
  brake->is_latched = false;
  for (size_t i = 0; i < brake->max; i++) {
    brake->stamps_ms[i] = LONG_AGO_MS;
  }
}

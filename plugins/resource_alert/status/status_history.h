/* SPDX-License-Identifier: MIT */
/* status_history: each rule's worst value over the last hour, for a picture. */
#ifndef RESOURCE_ALERT_STATUS_STATUS_HISTORY_H
#define RESOURCE_ALERT_STATUS_STATUS_HISTORY_H

#include <jansson.h>
#include <stddef.h>

#define STATUS_HISTORY_POINTS 120
#define STATUS_HISTORY_STEP_S 30

/* All zero is an empty history. Not locked: one owner. */
struct status_history {
  float *points; /* rules_len rings, side by side; NaN: no value */
  size_t rules_len;
  size_t next; /* the oldest point of each ring */
  size_t len;
};

/* Takes a point from each of ROWS, as status_rules() makes them. The number
 * of rules never changes after the first call. Returns 0 or -ENOMEM. */
int status_history_take(struct status_history *history, const json_t *rules);

/* Adds "history" to each of ROWS, oldest point first, null where there was no
 * value. */
void status_history_tell(const struct status_history *history, json_t *rules);

void status_history_fini(struct status_history *history);

#endif

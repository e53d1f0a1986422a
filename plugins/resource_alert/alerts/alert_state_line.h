/* SPDX-License-Identifier: MIT */
/* alert_state_line: an alert event as a line of the state file, and back. */
#ifndef RESOURCE_ALERT_ALERTS_ALERT_STATE_LINE_H
#define RESOURCE_ALERT_ALERTS_ALERT_STATE_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "resource_alert/alerts/alert_event.h"

/* The numbers of the last events that were notified and journaled; all before
 * them were, too. */
struct delivery_marks {
  uint64_t notified;
  uint64_t journaled;
};

/* EVENT as a line with its newline. Yours, free(); NULL when memory is
 * short. */
char *alert_state_line_format(const struct alert_event *event);

/* What a line may hold. */
struct alert_state_line {
  bool is_marks; /* then only the marks count */
  struct delivery_marks marks;
  const char *rule; /* its name; borrowed from "json" */
  struct alert_event event;
  json_t *json; /* owned: json_decref() */
};

/* Reads TEXT, without its newline. Returns 0 or -EINVAL; then nothing is
 * owned. */
int alert_state_line_read(const char *text, struct alert_state_line *ret);

#endif

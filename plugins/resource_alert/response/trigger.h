/* SPDX-License-Identifier: MIT */
/* trigger: what the rows of a response say together. Pure. */
#ifndef RESOURCE_ALERT_RESPONSE_TRIGGER_H
#define RESOURCE_ALERT_RESPONSE_TRIGGER_H

#include <stdbool.h>
#include <stddef.h>

#include "resource_alert/alert_state.h"
#include "resource_alert/response/response.h"

struct trigger_row {
  const char *name; /* borrowed */
  size_t row;       /* its place in the table */
  enum alert_state state;
  bool holds; /* was at the trigger when it was last seen */
};

struct trigger {
  enum alert_state at_least; /* ALERT_WARNING or ALERT_FAILURE */
  struct trigger_row *rows;  /* owned by whoever made them */
  size_t len;
  const struct trigger_row *cause; /* the row that spoke last; NULL: none */
};

/* Takes the states that stand in the rows. A row that is missing or unknown
 * says neither breach nor calm: where it was at the trigger before, it freezes
 * the response; else it is as if it were not there. */
enum response_input trigger_judge(struct trigger *trigger);

#endif

/* SPDX-License-Identifier: MIT */
/* trigger: what the rules of a response say together. Pure. */
#ifndef RESOURCE_ALERT_RESPONSES_TRIGGER_H
#define RESOURCE_ALERT_RESPONSES_TRIGGER_H

#include <stdbool.h>
#include <stddef.h>

#include "resource_alert/alerts/alert.h"
#include "resource_alert/responses/response.h"

struct trigger_rule {
  const char *name; /* borrowed */
  size_t rule;      /* its place in the table */
  enum alert_state state;
  bool holds; /* was at the trigger when it was last seen */
};

struct trigger {
  enum alert_state at_least;  /* ALERT_WARNING or ALERT_FAILURE */
  struct trigger_rule *rules; /* owned by whoever made them */
  size_t len;
  const struct trigger_rule *cause; /* the rule that spoke last; NULL: none */
};

/* Takes the states that stand in the rules. A rule that is missing or unknown
 * says neither breach nor calm: where it was at the trigger before, it freezes
 * the response; else it is as if it were not there. */
enum response_input trigger_judge(struct trigger *trigger);

#endif

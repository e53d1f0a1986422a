/* SPDX-License-Identifier: MIT */
/* trigger: what the rows of a response say together. */
#include "resource_alert/response/trigger.h"

static bool is_seen(enum alert_state state) {
  return state == ALERT_OKAY || state == ALERT_WARNING ||
         state == ALERT_FAILURE;
}

enum response_input trigger_judge(struct trigger *trigger) {
  enum response_input input = RESPONSE_CALM;
  const struct trigger_row *worst = NULL;
  for (size_t i = 0; i < trigger->len; i++) {
    struct trigger_row *row = &trigger->rows[i];
    if (is_seen(row->state)) {
      row->holds = row->state >= trigger->at_least;
    }
    if (!row->holds) {
      continue;
    }
    if (!is_seen(row->state)) {
      input = input == RESPONSE_CALM ? RESPONSE_FROZEN : input;
    } else if (worst == NULL || row->state > worst->state) {
      worst = row;
      input = RESPONSE_BREACH;
    }
  }
  if (worst != NULL) {
    trigger->cause = worst;
  }
  return input;
}

/* SPDX-License-Identifier: MIT */
/* trigger: what the rules of a response say together. */
#include "resource_alert/responses/trigger.h"

static bool is_seen(enum alert_state state) {
  return state == ALERT_OKAY || state == ALERT_WARNING ||
         state == ALERT_FAILURE;
}

enum response_input trigger_judge(struct trigger *trigger) {
  enum response_input input = RESPONSE_CALM;
  const struct trigger_rule *worst = NULL;
  for (size_t i = 0; i < trigger->len; i++) {
    struct trigger_rule *rule = &trigger->rules[i];
    if (is_seen(rule->state)) {
      rule->holds = rule->state >= trigger->at_least;
    }
    if (!rule->holds) {
      continue;
    }
    if (!is_seen(rule->state)) {
      input = input == RESPONSE_CALM ? RESPONSE_FROZEN : input;
    } else if (worst == NULL || rule->state > worst->state) {
      worst = rule;
      input = RESPONSE_BREACH;
    }
  }
  if (worst != NULL) {
    trigger->cause = worst;
  }
  return input;
}

/* SPDX-License-Identifier: MIT */
/* shared_rule: the status of a rule, shared without a lock. */
#include "resource_alert/responses/shared_rule.h"

bool shared_rule_set(struct shared_rule *rule,
                     const struct rule_status *status) {
  uint32_t states = (uint32_t)status->state | (uint32_t)status->beyond << 4 |
                    (uint32_t)status->held << 8 |
                    (uint32_t)status->is_known << 12;
  atomic_store(&rule->value, status->value);
  atomic_store(&rule->badness, status->badness);
  bool is_new =
      atomic_exchange(&rule->held_ms, status->held_ms) != status->held_ms;
  return atomic_exchange(&rule->states, states) != states || is_new;
}

struct rule_status shared_rule_get(const struct shared_rule *rule) {
  uint32_t states = atomic_load(&rule->states);
  return (struct rule_status){
      .state = (enum alert_state)(states & 15),
      .beyond = (enum alert_state)(states >> 4 & 15),
      .held = (enum alert_state)(states >> 8 & 15),
      .is_known = (states >> 12 & 1) != 0,
      .held_ms = atomic_load(&rule->held_ms),
      .value = atomic_load(&rule->value),
      .badness = atomic_load(&rule->badness),
  };
}

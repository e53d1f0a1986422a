/* SPDX-License-Identifier: MIT */
/* shared_rule: the status of a rule, written by the engine's thread and read by
 * those of the responses without a lock. */
#pragma once

#include <stdatomic.h>

#include "resource_alert/rules/rule.h"

struct shared_rule {
  _Atomic uint32_t states; /* all of the status but the next ones */
  _Atomic int64_t held_ms;
  _Atomic double value;
  _Atomic double badness;
};

/* Returns true if more than the value and its badness has changed. */
bool shared_rule_set(struct shared_rule *rule,
                     const struct rule_status *status);
struct rule_status shared_rule_get(const struct shared_rule *rule);

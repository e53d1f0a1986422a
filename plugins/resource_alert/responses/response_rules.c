/* SPDX-License-Identifier: MIT */
/* response_rules: what the rules of a response amount to. Pure, as response.c
 * is. */
#include "resource_alert/responses/response.h"

#include <math.h>

/* A value that has changed by less has not changed. */
#define EFFECT_MIN_RATIO 0.05

/* How one rule of When counts. *ret_hold_until_ms: where FROZEN. */
static enum response_input evaluate_rule(const struct response *response,
                                         struct response_rule *rule,
                                         int64_t now_ms,
                                         int64_t *ret_hold_until_ms) {
  enum alert_state min = response->settings.min_severity;
  const struct rule_status *now = &rule->now;
  bool is_bad = (now->state == ALERT_WARNING || now->state == ALERT_FAILURE) &&
                now->state >= min;
  if (is_bad) {
    rule->is_breached = true;
    rule->bad_ms = now_ms;
    return now->beyond >= min ? RESPONSE_BREACH : RESPONSE_RECOVERING;
  }
  /* After a restart nothing is known before the first reading. */
  bool is_held = now->held >= min || (!now->is_known && rule->is_breached);
  *ret_hold_until_ms = (now->held >= min ? now->held_ms : rule->bad_ms) +
                       response->settings.hold_ms;
  if (is_held && now_ms < *ret_hold_until_ms) {
    return RESPONSE_FROZEN;
  }
  rule->is_breached = false;
  return RESPONSE_CLEAR;
}

/* A forbidding rule is one that is bad or MISSING; one of which nothing is
 * known forbids nothing. */
static const struct response_rule *
find_forbidding_rule(const struct response *response) {
  for (size_t i = 0; i < response->unless_len; i++) {
    const struct response_rule *rule =
        &response->rules[response->rules_len + i];
    if (alert_state_rank(rule->now.state) > alert_state_rank(ALERT_OKAY)) {
      return rule;
    }
  }
  return NULL;
}

enum response_input response_evaluate_rules(struct response *response,
                                            int64_t now_ms) {
  static const int ranks[] = {[RESPONSE_CLEAR] = 0,
                              [RESPONSE_FROZEN] = 1,
                              [RESPONSE_RECOVERING] = 2,
                              [RESPONSE_BREACH] = 3};
  enum response_input input = RESPONSE_CLEAR;
  const struct response_rule *worst = NULL;
  response->hold_until_ms = 0;
  for (size_t i = 0; i < response->rules_len; i++) {
    struct response_rule *rule = &response->rules[i];
    int64_t hold_until_ms = 0;
    enum response_input own =
        evaluate_rule(response, rule, now_ms, &hold_until_ms);
    if (own == RESPONSE_BREACH &&
        (worst == NULL || rule->now.beyond > worst->now.beyond)) {
      worst = rule;
    }
    if (own == RESPONSE_FROZEN && hold_until_ms > response->hold_until_ms) {
      response->hold_until_ms = hold_until_ms;
    }
    input = ranks[own] > ranks[input] ? own : input;
  }
  if (worst != NULL) {
    response->cause = worst;
  }
  response->forbidden_by = find_forbidding_rule(response);
  response->is_forbidden_reported =
      response->is_forbidden_reported && response->forbidden_by != NULL;
  return input;
}

const char *response_compare_rule(const struct rule_status *before,
                                  const struct rule_status *now) {
  bool is_number = isfinite(before->value) && isfinite(now->value);
  double change = now->badness - before->badness;
  if (now->state == ALERT_OKAY) {
    return "better";
  }
  if (!is_number || now->state == ALERT_MISSING ||
      now->state == ALERT_UNKNOWN) {
    return "unknown";
  }
  if (fabs(change) < EFFECT_MIN_RATIO * fabs(before->value)) {
    return "unchanged";
  }
  return change < 0 ? "better" : "worse";
}

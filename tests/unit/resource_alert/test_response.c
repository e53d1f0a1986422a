/* SPDX-License-Identifier: MIT */
/* response: the state machine on a clock that is only a number. */
#include "unit.h"

#include <errno.h>
#include <math.h>

#include "resource_alert/responses/response.h"

#define S 1000

static struct response response;
static int64_t now_ms;

static const struct response_settings plain = {.engage_ms = 30 * S,
                                               .release_ms = 300 * S,
                                               .hold_ms = 3600 * S,
                                               .max_actions = 30};

static void begin(const struct response_settings *settings, size_t actions) {
  now_ms = 1000000;
  assert_int_equal(response_init(&response, settings, 1, 1, actions), 0);
  response.settings.hold_ms = 3600 * S;
  response.rules[0].name = "rule";
  response.rules[1].name = "unless";
  response.settings.min_severity = ALERT_WARNING;
  for (size_t i = 0; i < actions; i++) {
    response.actions[i].after_ms = (int64_t)i * 60 * S;
  }
}

static int end(void **state) {
  (void)state;
  response_fini(&response);
  return 0;
}

/* The only rule goes bad, recovers, gets well or is lost while it is bad. */
static void set_rule(enum response_input input) {
  static const enum alert_state states[] = {[RESPONSE_CLEAR] = ALERT_OKAY,
                                            [RESPONSE_RECOVERING] =
                                                ALERT_WARNING,
                                            [RESPONSE_BREACH] = ALERT_WARNING,
                                            [RESPONSE_FROZEN] = ALERT_MISSING};
  struct rule_status *rule = &response.rules[0].now;
  if (input == RESPONSE_FROZEN && rule->held == ALERT_OKAY) {
    rule->held_ms = now_ms;
  }
  rule->state = states[input];
  rule->is_known = input != RESPONSE_FROZEN;
  rule->beyond = input == RESPONSE_BREACH ? ALERT_WARNING : ALERT_OKAY;
  rule->held = input == RESPONSE_FROZEN ? ALERT_WARNING : ALERT_OKAY;
}

static void step(enum response_input input) {
  set_rule(input);
  assert_int_equal(response_evaluate_rules(&response, now_ms), input);
  (void)response_step(&response, input, now_ms);
}

static struct response_decision decide(void) {
  struct response_decision decision;
  do {
    decision = response_decide(&response, false, now_ms);
  } while (decision.kind == RESPONSE_CHANGED);
  return decision;
}

/* Makes the attempt that is due, as with RESPONSE_ATTEMPT. Returns its action,
 * or -1. */
static int attempt_with(int code, int64_t again_in_ms) {
  struct response_decision decision = decide();
  if (decision.kind == RESPONSE_IDLE) {
    return -1;
  }
  assert_int_equal(decision.kind, RESPONSE_ATTEMPT);
  const struct response_result result = {
      .code = code, .outcome = ACTION_CONFIRMED, .again_in_ms = again_in_ms};
  response_end_attempt(&response, decision.action, &result, now_ms, 0);
  return (int)decision.action;
}

static int attempt(int code) { return attempt_with(code, 0); }

static void engages_and_releases_after_their_times(void **state) {
  (void)state;
  begin(&plain, 1);
  step(RESPONSE_BREACH);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 30 * S);
  now_ms += 30 * S - 1;
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_OFF);
  now_ms += 1;
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGING);
  assert_int_equal(attempt(0), 0);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
  assert_int_equal(response_wake_ms(&response, now_ms), RESPONSE_NEVER);
  step(RESPONSE_CLEAR);
  now_ms += 300 * S;
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_RELEASING);
  assert_int_equal(attempt(0), 0);
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_OFF);
  assert_int_equal(attempt(0), -1);
}

static void a_short_breach_and_a_short_pause_change_nothing(void **state) {
  (void)state;
  begin(&plain, 1);
  step(RESPONSE_BREACH);
  now_ms += 29 * S;
  step(RESPONSE_CLEAR);
  now_ms += 2 * S;
  step(RESPONSE_BREACH);
  now_ms += 29 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_OFF);
  now_ms += 1 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGING);
  (void)attempt(0);
  step(RESPONSE_CLEAR);
  now_ms += 299 * S;
  step(RESPONSE_BREACH);
  step(RESPONSE_CLEAR);
  now_ms += 299 * S;
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
}

static void escalates_and_is_undone_in_reverse(void **state) {
  (void)state;
  struct response_settings settings = plain;
  settings.engage_ms = 0;
  settings.release_ms = 10 * S;
  begin(&settings, 3);
  step(RESPONSE_BREACH);
  assert_int_equal(attempt(0), 0);
  assert_int_equal(attempt(0), -1);
  step(RESPONSE_BREACH);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 60 * S);
  now_ms += 120 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(attempt(0), 1);
  assert_int_equal(attempt(0), 2);
  assert_int_equal(response_count_actions_on(&response), 3);
  step(RESPONSE_CLEAR);
  now_ms += 10 * S;
  step(RESPONSE_CLEAR);
  assert_int_equal(attempt(0), 2);
  assert_int_equal(attempt(0), 1);
  assert_int_equal(attempt(0), 0);
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_OFF);
}

static void what_is_left_alone_is_not_on_and_can_be_released(void **state) {
  (void)state;
  struct response_settings settings = plain;
  settings.engage_ms = settings.release_ms = 0;
  begin(&settings, 1);
  step(RESPONSE_BREACH);
  const struct response_result result = {.outcome = ACTION_LEFT_ALONE};
  struct response_decision decision = decide();
  response_end_attempt(&response, decision.action, &result, now_ms, 0);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
  assert_int_equal(response_count_actions_on(&response), 0);
  step(RESPONSE_CLEAR);
  decision = decide();
  assert_false(decision.is_on);
  response_end_attempt(&response, decision.action, &result, now_ms, 0);
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_OFF);
}

static void a_failed_action_is_retried_and_delays_no_other(void **state) {
  (void)state;
  struct response_settings settings = plain;
  settings.engage_ms = 0;
  begin(&settings, 3);
  response.actions[1].after_ms = 0;
  step(RESPONSE_BREACH);
  assert_int_equal(attempt(-EIO), 0);
  assert_int_equal(attempt(0), 1);
  assert_int_equal(attempt(0), -1);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGING);
  int64_t wake_ms = response_wake_ms(&response, now_ms);
  assert_true(wake_ms > now_ms && wake_ms <= now_ms + 500);
  for (int i = 0; i < 20; i++) { /* the pauses grow up to a minute */
    now_ms = response_wake_ms(&response, now_ms);
    step(RESPONSE_BREACH);
    (void)attempt(-EIO);
  }
  wake_ms = response.actions[0].backoff.not_before_ms;
  assert_true(wake_ms > now_ms + 30 * S && wake_ms <= now_ms + 60 * S);
}

static void a_newer_desired_state_is_attempted_at_once(void **state) {
  (void)state;
  struct response_settings settings = plain;
  settings.engage_ms = 0;
  settings.release_ms = 0;
  begin(&settings, 1);
  step(RESPONSE_BREACH);
  for (int i = 0; i < 9; i++) {
    assert_int_equal(attempt(-EIO), 0);
    now_ms += 60 * S;
  }
  assert_int_equal(attempt(-EIO), 0);
  assert_int_equal(attempt(0), -1); /* it waits */
  step(RESPONSE_CLEAR);
  assert_int_equal(attempt(0), 0); /* undone without waiting */
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_OFF);
}

static void a_breach_while_releasing_engages_again(void **state) {
  (void)state;
  struct response_settings settings = plain;
  settings.engage_ms = 0;
  settings.release_ms = 0;
  begin(&settings, 3);
  response.actions[1].after_ms = 0;
  step(RESPONSE_BREACH);
  (void)attempt(0);
  (void)attempt(0);
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_RELEASING);
  assert_int_equal(attempt(0), 1);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGING);
  assert_int_equal(attempt(0), 1);
  assert_int_equal(attempt(0), -1);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
}

static void frozen_is_neither_breach_nor_clear(void **state) {
  (void)state;
  begin(&plain, 1);
  step(RESPONSE_BREACH);
  now_ms += 20 * S;
  step(RESPONSE_FROZEN);
  now_ms += 500 * S;
  step(RESPONSE_FROZEN);
  assert_int_equal(response.state, RESPONSE_OFF);
  step(RESPONSE_BREACH); /* back from a gap: EngageAfter begins anew */
  now_ms += 29 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_OFF);
  now_ms += 1 * S;
  step(RESPONSE_BREACH);
  (void)attempt(0);
  step(RESPONSE_FROZEN);
  now_ms += 3000 * S;
  step(RESPONSE_FROZEN);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
}

static void a_tripped_rate_limit_still_undoes(void **state) {
  (void)state;
  struct response_settings settings = {.max_actions = 3};
  begin(&settings, 2);
  response.actions[1].after_ms = 7200 * S;
  for (int i = 0; i < 3; i++) {
    step(RESPONSE_BREACH);
    assert_int_equal(attempt(0), 0);
    if (i < 2) {
      step(RESPONSE_CLEAR);
      assert_int_equal(attempt(0), 0);
      step(RESPONSE_CLEAR);
      now_ms += 60 * S;
    }
  }
  response.actions[1].after_ms = 0;
  step(RESPONSE_BREACH);
  struct response_decision decision = decide();
  assert_int_equal(decision.kind, RESPONSE_RATE_LIMITED);
  assert_int_equal(decision.action, 1);
  assert_true(response.rate_limit.is_tripped);
  step(RESPONSE_CLEAR);
  assert_int_equal(attempt(0), 0); /* what is on is undone */
  now_ms += 7200 * S;              /* an hour does not reset it */
  step(RESPONSE_BREACH);
  assert_int_equal(decide().kind, RESPONSE_RATE_LIMITED);
  assert_int_equal(decide().kind, RESPONSE_RATE_LIMITED); /* the other one */
  assert_int_equal(decide().kind, RESPONSE_IDLE);
  assert_int_equal(response_wake_ms(&response, now_ms), RESPONSE_NEVER);
  response_reset_rate_limit(&response);
  assert_int_equal(attempt(0), 0);
  assert_int_equal(attempt(0), 1);
}

static void retries_are_not_counted_by_the_rate_limit(void **state) {
  (void)state;
  struct response_settings settings = {.max_actions = 1};
  begin(&settings, 1);
  step(RESPONSE_BREACH);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(attempt(-EIO), 0);
    now_ms += 60 * S;
  }
}

static void an_action_that_is_on_is_refreshed(void **state) {
  (void)state;
  struct response_settings settings = {.max_actions = 1};
  begin(&settings, 1);
  step(RESPONSE_BREACH);
  assert_int_equal(attempt_with(0, 20 * S), 0);
  step(RESPONSE_BREACH);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 20 * S);
  now_ms += 20 * S;
  assert_int_equal(attempt(-EIO), 0);
  assert_int_equal(response.actions[0].state, RESPONSE_ACTION_UNSURE);
  now_ms += 60 * S;
  assert_int_equal(attempt(0), 0);
}

static void a_new_breach_refreshes_at_once(void **state) {
  (void)state;
  begin(&plain, 2);
  response.actions[0].real_state = RESPONSE_ACTION_ON;
  response.actions[1].real_state = RESPONSE_ACTION_ON;
  response_restore(&response, RESPONSE_ENGAGED, 100 * S, now_ms);
  step(RESPONSE_FROZEN);
  assert_int_equal(attempt(0), 0); /* not refreshed again */
  assert_int_equal(attempt_with(0, 180 * S), 1);
  now_ms += 1 * S;
  step(RESPONSE_FROZEN);
  assert_int_equal(attempt(0), -1);
  step(RESPONSE_BREACH);
  assert_int_equal(attempt(0), 1);
  assert_int_equal(attempt(0), -1);
}

static void an_action_may_be_undone_in_steps(void **state) {
  (void)state;
  struct response_settings settings = {.max_actions = 1};
  begin(&settings, 1);
  step(RESPONSE_BREACH);
  (void)attempt(0);
  step(RESPONSE_CLEAR);
  assert_int_equal(attempt_with(-EAGAIN, 180 * S), 0);
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_RELEASING);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 180 * S);
  now_ms += 180 * S;
  assert_int_equal(attempt(0), 0);
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_OFF);
}

static void continues_after_a_restart(void **state) {
  (void)state;
  begin(&plain, 3);
  response.actions[0].real_state = RESPONSE_ACTION_ON;
  response.actions[1].real_state = RESPONSE_ACTION_UNSURE;
  response_restore(&response, RESPONSE_ENGAGED, 100 * S, now_ms);
  step(RESPONSE_FROZEN);
  assert_int_equal(attempt(0), 0); /* refreshed */
  assert_int_equal(attempt(0), 1); /* settled */
  assert_int_equal(attempt(0), -1);
  now_ms += 20 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(attempt(0),
                   2); /* 120 s after the engagement, not the start */
}

static void a_disabled_action_is_due_again_later(void **state) {
  (void)state;
  struct response_settings settings = {.max_actions = 1};
  size_t action;
  begin(&settings, 1);
  step(RESPONSE_BREACH);
  assert_int_equal(response_decide(&response, true, now_ms).kind,
                   RESPONSE_DISABLED);
  assert_false(response_find_due_action(&response, now_ms, &action));
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 1 * S);
  now_ms += 1 * S;
  assert_int_equal(attempt(0), 0);
}

/* ---- what is off ---- */

static const struct response_settings at_once = {.max_actions = 30};

/* The due action is skipped; returns it, or -1. */
static int skip_action(void) {
  struct response_decision decision = decide();
  if (decision.kind == RESPONSE_IDLE) {
    return -1;
  }
  assert_int_equal(decision.kind, RESPONSE_SKIPPED);
  return (int)decision.action;
}

static void set_off(size_t action, enum response_action_state state) {
  response.actions[action].real_state = state;
  response_set_action_mode(&response, action, ACTION_MODE_OFF, now_ms);
}

static void set_auto(size_t action, enum response_action_state state) {
  response.actions[action].real_state = state;
  response_set_action_mode(&response, action, ACTION_MODE_AUTO, now_ms);
}

static void an_action_that_is_off_delays_nothing(void **state) {
  (void)state;
  begin(&at_once, 2);
  response.actions[1].after_ms = 0;
  set_off(0, RESPONSE_ACTION_OFF);
  step(RESPONSE_BREACH);
  assert_int_equal(skip_action(), 0); /* once */
  assert_int_equal(attempt(0), 1);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
  assert_int_equal(response_count_actions_on(&response), 1);
  assert_int_equal(response_count_wanted(&response), 1);
  assert_int_equal(response_wake_ms(&response, now_ms), RESPONSE_NEVER);
  step(RESPONSE_CLEAR);
  assert_int_equal(attempt(0), 1);
  assert_int_equal(attempt(0), -1); /* it never was on */
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_OFF);
  assert_int_equal(response_wake_ms(&response, now_ms), RESPONSE_NEVER);
}

static void an_action_set_off_while_on_stays_on(void **state) {
  (void)state;
  begin(&at_once, 2);
  response.actions[1].after_ms = 0;
  step(RESPONSE_BREACH);
  (void)attempt(0);
  (void)attempt(0);
  set_off(0, RESPONSE_ACTION_ON);
  step(RESPONSE_CLEAR);
  assert_int_equal(attempt(0), 1);
  assert_int_equal(skip_action(), 0);
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_OFF);
  assert_int_equal(response_count_actions_on(&response), 1);
  assert_int_equal(response_wake_ms(&response, now_ms), RESPONSE_NEVER);
  set_auto(0, RESPONSE_ACTION_ON);
  step(RESPONSE_CLEAR);
  assert_int_equal(attempt(0), 0); /* now it is undone */
  assert_int_equal(response_count_actions_on(&response), 0);
}

static void a_response_with_all_actions_off_does_not_engage(void **state) {
  (void)state;
  begin(&at_once, 1);
  set_off(0, RESPONSE_ACTION_OFF);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_OFF);
  assert_int_equal(response_wake_ms(&response, now_ms), RESPONSE_NEVER);
  set_auto(0, RESPONSE_ACTION_OFF);
  step(RESPONSE_BREACH);
  assert_int_equal(attempt(0), 0);
  set_off(0, RESPONSE_ACTION_ON);
  now_ms += 10 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
  set_auto(0, RESPONSE_ACTION_ON);
  step(RESPONSE_BREACH);
  assert_int_equal(attempt(0), 0); /* refreshed at once */
  assert_int_equal(response_count_actions_on(&response), 1);
}

static void the_escalation_pauses_while_no_rule_is_bad(void **state) {
  (void)state;
  struct response_settings settings = {.release_ms = 300 * S,
                                       .max_actions = 30};
  begin(&settings, 2);
  step(RESPONSE_BREACH);
  (void)attempt(0);
  step(RESPONSE_CLEAR);
  now_ms += 60 * S;
  step(RESPONSE_CLEAR);
  assert_int_equal(attempt(0), -1);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 240 * S);
  step(RESPONSE_FROZEN);
  assert_int_equal(attempt(0), -1);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 3600 * S);
  step(RESPONSE_BREACH);
  assert_int_equal(attempt(0), 1);
}

/* ---- the rules ---- */

/* A rule of one series; in MISSING or UNKNOWN it stopped in the state HELD. */
static void set_status(size_t rule, enum alert_state state,
                       enum alert_state held) {
  bool is_bad = state == ALERT_WARNING || state == ALERT_FAILURE;
  response.rules[rule].now = (struct rule_status){
      .state = state,
      .beyond = is_bad ? state : ALERT_OKAY,
      .held = held,
      .is_known = is_bad || state == ALERT_OKAY,
      .held_ms = now_ms,
  };
}

static void rules_together(void **state) {
  (void)state;
  struct response_settings settings = {.min_severity = ALERT_WARNING,
                                       .hold_ms = 3600 * S};
  assert_int_equal(response_init(&response, &settings, 2, 0, 0), 0);
  response.rules[0].name = "a";
  response.rules[1].name = "b";
  static const struct {
    enum alert_state a, b, held;
    enum response_input input;
    const char *cause;
  } table[] = {
      {ALERT_UNKNOWN, ALERT_MISSING, ALERT_OKAY, RESPONSE_CLEAR, NULL},
      {ALERT_OKAY, ALERT_MISSING, ALERT_OKAY, RESPONSE_CLEAR, NULL},
      {ALERT_WARNING, ALERT_MISSING, ALERT_OKAY, RESPONSE_BREACH, "a"},
      {ALERT_WARNING, ALERT_FAILURE, ALERT_OKAY, RESPONSE_BREACH, "b"},
      {ALERT_OKAY, ALERT_MISSING, ALERT_FAILURE, RESPONSE_FROZEN, "b"},
      {ALERT_FAILURE, ALERT_MISSING, ALERT_WARNING, RESPONSE_BREACH, "a"},
      {ALERT_UNKNOWN, ALERT_OKAY, ALERT_OKAY, RESPONSE_FROZEN, "a"},
      {ALERT_OKAY, ALERT_UNKNOWN, ALERT_OKAY, RESPONSE_CLEAR, "a"},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    set_status(0, table[i].a, ALERT_OKAY);
    set_status(1, table[i].b, table[i].held);
    assert_int_equal(response_evaluate_rules(&response, now_ms),
                     table[i].input);
    if (table[i].cause == NULL) {
      assert_null(response.cause);
    } else {
      assert_string_equal(response.cause->name, table[i].cause);
    }
  }
  response.settings.min_severity = ALERT_FAILURE;
  set_status(0, ALERT_WARNING, ALERT_OKAY);
  set_status(1, ALERT_OKAY, ALERT_WARNING);
  assert_int_equal(response_evaluate_rules(&response, now_ms), RESPONSE_CLEAR);
}

static void the_effect_is_better_worse_or_unchanged(void **state) {
  (void)state;
  static const struct {
    enum alert_state state;
    double value, badness; /* before: 90, 10 */
    const char *effect;
  } table[] = {
      {ALERT_WARNING, 84, 4, "better"},
      {ALERT_WARNING, 96, 16, "worse"},
      {ALERT_WARNING, 88, 8, "unchanged"},
      {ALERT_OKAY, 88, 8, "better"},
      {ALERT_MISSING, 90, 10, "unknown"},
      {ALERT_WARNING, (double)NAN, 0, "unknown"},
      {ALERT_WARNING, 90, 10, "unchanged"},
  };
  const struct rule_status before = {
      .state = ALERT_WARNING, .value = 90, .badness = 10};
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    const struct rule_status now = {.state = table[i].state,
                                    .value = table[i].value,
                                    .badness = table[i].badness};
    assert_string_equal(response_compare_rule(&before, &now), table[i].effect);
  }
}

static void only_the_time_beyond_the_limits_counts(void **state) {
  (void)state;
  begin(&plain, 1); /* 30 s, 300 s */
  step(RESPONSE_BREACH);
  now_ms += 25 * S;
  step(RESPONSE_RECOVERING); /* the state stays WARNING for RecoverFor */
  now_ms += 60 * S;
  step(RESPONSE_RECOVERING);
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_OFF);
  step(RESPONSE_BREACH); /* a new one has its 30 s again, in two parts */
  now_ms += 20 * S;
  step(RESPONSE_RECOVERING);
  now_ms += 50 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 10 * S);
  now_ms += 10 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGING);
}

static void a_release_counts_from_the_begin_of_the_recovery(void **state) {
  (void)state;
  struct response_settings settings = plain;
  settings.engage_ms = 0;
  begin(&settings, 1);
  step(RESPONSE_BREACH);
  assert_int_equal(attempt(0), 0);
  step(RESPONSE_RECOVERING);
  now_ms += 60 * S;
  step(RESPONSE_CLEAR);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 240 * S);
  step(RESPONSE_BREACH);
  step(RESPONSE_RECOVERING);
  now_ms += 400 * S;
  step(RESPONSE_RECOVERING); /* not before the rule is OKAY */
  assert_int_equal(response.state, RESPONSE_ENGAGED);
  step(RESPONSE_CLEAR);
  assert_int_equal(response.state, RESPONSE_RELEASING);
}

static void a_series_that_stopped_holds_for_a_while(void **state) {
  (void)state;
  struct response_settings settings = plain;
  settings.engage_ms = 0;
  begin(&settings, 1);
  step(RESPONSE_BREACH);
  assert_int_equal(attempt(0), 0);
  step(RESPONSE_FROZEN);
  now_ms += 3599 * S;
  step(RESPONSE_FROZEN);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 1 * S);
  now_ms += 1 * S;
  assert_int_equal(response_evaluate_rules(&response, now_ms), RESPONSE_CLEAR);
  /* Another series of the rule still engages it, and its end ends it. */
  response.rules[0].now.beyond = ALERT_WARNING;
  response.rules[0].now.state = ALERT_WARNING;
  assert_int_equal(response_evaluate_rules(&response, now_ms), RESPONSE_BREACH);
  response.rules[0].now.beyond = ALERT_OKAY;
  response.rules[0].now.state = ALERT_MISSING;
  response.rules[0].now.is_known = true;
  assert_int_equal(response_evaluate_rules(&response, now_ms), RESPONSE_CLEAR);
}

static void a_rule_of_unless_forbids_steps_and_no_release(void **state) {
  (void)state;
  struct response_settings settings = plain;
  settings.engage_ms = 0;
  settings.release_ms = 0;
  begin(&settings, 2); /* the second one after 60 s */
  response.rules[1].now.state = ALERT_WARNING;
  set_rule(RESPONSE_BREACH);
  struct response_decision decision = decide();
  assert_int_equal(decision.kind, RESPONSE_FORBIDDEN); /* once */
  assert_int_equal(decide().kind, RESPONSE_IDLE);
  assert_int_equal(response.state, RESPONSE_OFF);
  response.rules[1].now.state = ALERT_OKAY;
  assert_int_equal(attempt(0), 0);
  response.rules[1].now.state = ALERT_MISSING;
  now_ms += 60 * S;
  assert_int_equal(decide().kind, RESPONSE_FORBIDDEN);
  assert_int_equal(decide().kind, RESPONSE_IDLE);
  assert_int_equal(response_count_actions_on(&response), 1);
  set_rule(RESPONSE_CLEAR);
  assert_int_equal(attempt(0), 0);
  assert_int_equal(response_count_actions_on(&response), 0);
}

static void names_are_read_back(void **state) {
  (void)state;
  enum response_state parsed = RESPONSE_OFF;
  assert_true(response_state_parse("RELEASING", &parsed));
  assert_int_equal(parsed, RESPONSE_RELEASING);
  assert_false(response_state_parse("releasing ", &parsed));
  assert_string_equal(response_state_name(RESPONSE_ENGAGED), "ENGAGED");
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(engages_and_releases_after_their_times),
      TEST(a_short_breach_and_a_short_pause_change_nothing),
      TEST(escalates_and_is_undone_in_reverse),
      TEST(what_is_left_alone_is_not_on_and_can_be_released),
      TEST(a_failed_action_is_retried_and_delays_no_other),
      TEST(a_newer_desired_state_is_attempted_at_once),
      TEST(a_breach_while_releasing_engages_again),
      TEST(frozen_is_neither_breach_nor_clear),
      TEST(a_tripped_rate_limit_still_undoes),
      TEST(retries_are_not_counted_by_the_rate_limit),
      TEST(an_action_that_is_on_is_refreshed),
      TEST(a_new_breach_refreshes_at_once),
      TEST(an_action_may_be_undone_in_steps),
      TEST(continues_after_a_restart),
      TEST(a_disabled_action_is_due_again_later),
      TEST(an_action_that_is_off_delays_nothing),
      TEST(an_action_set_off_while_on_stays_on),
      TEST(a_response_with_all_actions_off_does_not_engage),
      TEST(the_escalation_pauses_while_no_rule_is_bad),
      TEST(rules_together),
      TEST(the_effect_is_better_worse_or_unchanged),
      TEST(only_the_time_beyond_the_limits_counts),
      TEST(a_release_counts_from_the_begin_of_the_recovery),
      TEST(a_series_that_stopped_holds_for_a_while),
      TEST(a_rule_of_unless_forbids_steps_and_no_release),
      cmocka_unit_test(names_are_read_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* response: the state machine on a clock that is only a number. */
#include "unit.h"

#include <errno.h>

#include "resource_alert/responses/response.h"
#include "resource_alert/responses/trigger.h"

#define S 1000

static struct response response;
static int64_t now_ms;

static const struct response_rules plain = {
    .engage_ms = 30 * S, .release_ms = 300 * S, .max_acts = 30};

static void begin(const struct response_rules *rules, size_t tasks) {
  static const int64_t after_ms[] = {0, 60 * S, 120 * S};
  now_ms = 1000000;
  assert_int_equal(response_init(&response, rules, after_ms, tasks, now_ms), 0);
}

static int end(void **state) {
  (void)state;
  response_fini(&response);
  return 0;
}

static void step(enum response_input input) {
  (void)response_step(&response, input, now_ms);
}

/* Does the act that is due. Returns its task, or -1. */
static int act(int code) {
  size_t task;
  if (!response_next(&response, now_ms, &task)) {
    return -1;
  }
  bool is_on = response.tasks[task].is_wanted;
  assert_false(response_rate_limit_stops(&response, task, now_ms));
  response_begin(&response, task);
  response_done(&response, task, is_on, code, 0, now_ms, 0);
  return (int)task;
}

static void engages_after_its_time_and_releases_after_calm(void **state) {
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
  assert_int_equal(act(0), 0);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
  assert_int_equal(response_wake_ms(&response, now_ms), RESPONSE_NEVER);
  step(RESPONSE_CALM);
  now_ms += 300 * S;
  step(RESPONSE_CALM);
  assert_int_equal(response.state, RESPONSE_RELEASING);
  assert_int_equal(act(0), 0);
  step(RESPONSE_CALM);
  assert_int_equal(response.state, RESPONSE_OFF);
  assert_int_equal(act(0), -1);
}

static void a_short_breach_and_a_short_calm_change_nothing(void **state) {
  (void)state;
  begin(&plain, 1);
  step(RESPONSE_BREACH);
  now_ms += 29 * S;
  step(RESPONSE_CALM);
  now_ms += 2 * S;
  step(RESPONSE_BREACH);
  now_ms += 29 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_OFF);
  now_ms += 1 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGING);
  (void)act(0);
  step(RESPONSE_CALM);
  now_ms += 299 * S;
  step(RESPONSE_BREACH);
  step(RESPONSE_CALM);
  now_ms += 299 * S;
  step(RESPONSE_CALM);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
}

static void escalates_and_is_undone_in_reverse(void **state) {
  (void)state;
  struct response_rules rules = plain;
  rules.engage_ms = 0;
  rules.release_ms = 10 * S;
  rules.stagger_ms = 5 * S;
  begin(&rules, 3);
  step(RESPONSE_BREACH);
  assert_int_equal(act(0), 0);
  assert_int_equal(act(0), -1);
  step(RESPONSE_BREACH);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 60 * S);
  now_ms += 120 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(act(0), 1);
  assert_int_equal(act(0), 2);
  assert_int_equal(response_level(&response), 3);
  step(RESPONSE_CALM);
  now_ms += 10 * S;
  step(RESPONSE_CALM);
  assert_int_equal(act(0), 2);
  assert_int_equal(act(0), -1);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 5 * S);
  now_ms += 10 * S;
  step(RESPONSE_CALM);
  assert_int_equal(act(0), 1);
  assert_int_equal(act(0), 0);
  step(RESPONSE_CALM);
  assert_int_equal(response.state, RESPONSE_OFF);
}

static void an_action_that_fails_is_repeated_and_delays_no_other(void **state) {
  (void)state;
  struct response_rules rules = plain;
  rules.engage_ms = 0;
  begin(&rules, 3);
  response.tasks[1].after_ms = 0;
  step(RESPONSE_BREACH);
  assert_int_equal(act(-EIO), 0);
  assert_int_equal(act(0), 1);
  assert_int_equal(act(0), -1);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGING);
  int64_t wake_ms = response_wake_ms(&response, now_ms);
  assert_true(wake_ms > now_ms && wake_ms <= now_ms + 500);
  for (int i = 0; i < 20; i++) { /* the pauses grow up to a minute */
    now_ms = response_wake_ms(&response, now_ms);
    step(RESPONSE_BREACH);
    (void)act(-EIO);
  }
  wake_ms = response.tasks[0].backoff.not_before_ms;
  assert_true(wake_ms > now_ms + 30 * S && wake_ms <= now_ms + 60 * S);
}

static void a_newer_wish_supersedes_at_once(void **state) {
  (void)state;
  struct response_rules rules = plain;
  rules.engage_ms = 0;
  rules.release_ms = 0;
  begin(&rules, 1);
  step(RESPONSE_BREACH);
  for (int i = 0; i < 9; i++) {
    assert_int_equal(act(-EIO), 0);
    now_ms += 60 * S;
  }
  assert_int_equal(act(-EIO), 0);
  assert_int_equal(act(0), -1); /* it waits */
  step(RESPONSE_CALM);
  assert_int_equal(act(0), 0); /* undone without waiting */
  step(RESPONSE_CALM);
  assert_int_equal(response.state, RESPONSE_OFF);
}

static void a_breach_while_releasing_engages_again(void **state) {
  (void)state;
  struct response_rules rules = plain;
  rules.engage_ms = 0;
  rules.release_ms = 0;
  begin(&rules, 3);
  response.tasks[1].after_ms = 0;
  step(RESPONSE_BREACH);
  (void)act(0);
  (void)act(0);
  step(RESPONSE_CALM);
  assert_int_equal(response.state, RESPONSE_RELEASING);
  assert_int_equal(act(0), 1);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGING);
  assert_int_equal(act(0), 1);
  assert_int_equal(act(0), -1);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
}

static void frozen_is_neither_breach_nor_calm(void **state) {
  (void)state;
  struct response_rules rules = plain;
  rules.grace_ms = 60 * S;
  begin(&rules, 1);
  now_ms += 60 * S;
  step(RESPONSE_BREACH);
  now_ms += 20 * S;
  step(RESPONSE_FROZEN);
  now_ms += 500 * S;
  step(RESPONSE_FROZEN);
  assert_int_equal(response.state, RESPONSE_OFF);
  step(RESPONSE_BREACH); /* back from a gap: grace is longer than EngageAfter */
  now_ms += 59 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_OFF);
  now_ms += 1 * S;
  step(RESPONSE_BREACH);
  (void)act(0);
  step(RESPONSE_FROZEN);
  now_ms += 5000 * S;
  step(RESPONSE_FROZEN);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
}

static void nothing_is_engaged_in_the_grace_after_the_start(void **state) {
  (void)state;
  struct response_rules rules = plain;
  rules.engage_ms = 0;
  rules.grace_ms = 60 * S;
  begin(&rules, 1);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_OFF);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 60 * S);
  now_ms += 60 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGING);
}

static void the_brake_latches_and_still_undoes(void **state) {
  (void)state;
  struct response_rules rules = {.max_acts = 3};
  begin(&rules, 1);
  size_t task;
  for (int i = 0; i < 3; i++) {
    step(RESPONSE_BREACH);
    assert_int_equal(act(0), 0);
    step(RESPONSE_CALM);
    assert_int_equal(act(0), 0);
    step(RESPONSE_CALM);
    now_ms += 60 * S;
  }
  step(RESPONSE_BREACH);
  assert_true(response_next(&response, now_ms, &task));
  assert_true(response_rate_limit_stops(&response, task, now_ms));
  now_ms += 7200 * S; /* an hour does not free it */
  assert_true(response_rate_limit_stops(&response, task, now_ms));
  rate_limiter_reset(&response.rate_limiter);
  assert_int_equal(act(0), 0);
}

static void retries_are_not_counted_by_the_brake(void **state) {
  (void)state;
  struct response_rules rules = {.max_acts = 1};
  begin(&rules, 1);
  step(RESPONSE_BREACH);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(act(-EIO), 0);
    now_ms += 60 * S;
  }
}

static void what_is_on_is_looked_after(void **state) {
  (void)state;
  struct response_rules rules = {.max_acts = 1};
  begin(&rules, 1);
  step(RESPONSE_BREACH);
  response_begin(&response, 0);
  response_done(&response, 0, true, 0, 20 * S, now_ms, 0);
  step(RESPONSE_BREACH);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 20 * S);
  now_ms += 20 * S;
  assert_int_equal(act(-EIO), 0);
  assert_int_equal(response.tasks[0].state, TASK_UNSURE);
  now_ms += 60 * S;
  assert_int_equal(act(0), 0);
}

static void a_rule_that_is_bad_again_is_answered_at_once(void **state) {
  (void)state;
  begin(&plain, 2);
  response.tasks[0].state = TASK_ON;
  response.tasks[1].state = TASK_ON;
  response_restore(&response, RESPONSE_ENGAGED, 100 * S, now_ms);
  step(RESPONSE_FROZEN);
  assert_int_equal(act(0), 0); /* is looked after no more */
  response_begin(&response, 1);
  response_done(&response, 1, true, 0, 180 * S, now_ms, 0);
  now_ms += 1 * S;
  step(RESPONSE_FROZEN);
  assert_int_equal(act(0), -1);
  step(RESPONSE_BREACH);
  assert_int_equal(act(0), 1);
  assert_int_equal(act(0), -1);
}

static void undoing_may_go_step_by_step(void **state) {
  (void)state;
  struct response_rules rules = {.max_acts = 1};
  begin(&rules, 1);
  step(RESPONSE_BREACH);
  (void)act(0);
  step(RESPONSE_CALM);
  response_begin(&response, 0);
  response_done(&response, 0, false, -EAGAIN, 180 * S, now_ms, 0);
  step(RESPONSE_CALM);
  assert_int_equal(response.state, RESPONSE_RELEASING);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 180 * S);
  now_ms += 180 * S;
  assert_int_equal(act(0), 0);
  step(RESPONSE_CALM);
  assert_int_equal(response.state, RESPONSE_OFF);
}

static void goes_on_after_a_restart(void **state) {
  (void)state;
  begin(&plain, 3);
  response.tasks[0].state = TASK_ON;
  response.tasks[1].state = TASK_UNSURE;
  response_restore(&response, RESPONSE_ENGAGED, 100 * S, now_ms);
  step(RESPONSE_FROZEN);
  assert_int_equal(act(0), 0); /* looked after */
  assert_int_equal(act(0), 1); /* settled */
  assert_int_equal(act(0), -1);
  now_ms += 20 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(act(0), 2); /* 120 s after the engagement, not the start */
}

static void an_act_that_may_not_be_done_comes_up_again(void **state) {
  (void)state;
  struct response_rules rules = {.max_acts = 1};
  size_t task;
  begin(&rules, 1);
  step(RESPONSE_BREACH);
  response_defer(&response, 0, 1 * S, now_ms);
  assert_false(response_next(&response, now_ms, &task));
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 1 * S);
  now_ms += 1 * S;
  assert_true(response_next(&response, now_ms, &task));
}

/* ---- what is off ---- */

static const struct response_rules at_once = {.max_acts = 30};

/* Passes over the wish that is due; returns its task, or -1. */
static int pass(void) {
  size_t task;
  if (!response_next(&response, now_ms, &task)) {
    return -1;
  }
  assert_true(response.tasks[task].is_off);
  response_pass(&response, task);
  return (int)task;
}

static void set_off(size_t task, enum task_state state) {
  response_renew(&response, task, true, state, now_ms);
}

static void set_auto(size_t task, enum task_state state) {
  response_renew(&response, task, false, state, now_ms);
}

static void an_action_that_is_off_keeps_nothing_up(void **state) {
  (void)state;
  begin(&at_once, 2);
  response.tasks[1].after_ms = 0;
  set_off(0, TASK_OFF);
  step(RESPONSE_BREACH);
  assert_int_equal(pass(), 0); /* once */
  assert_int_equal(act(0), 1);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
  assert_int_equal(response_level(&response), 1);
  assert_int_equal(response_wanted(&response), 1);
  assert_int_equal(response_wake_ms(&response, now_ms), RESPONSE_NEVER);
  step(RESPONSE_CALM);
  assert_int_equal(act(0), 1);
  assert_int_equal(act(0), -1); /* it never was on */
  step(RESPONSE_CALM);
  assert_int_equal(response.state, RESPONSE_OFF);
  assert_int_equal(response_wake_ms(&response, now_ms), RESPONSE_NEVER);
}

static void what_is_on_and_set_off_stays_on(void **state) {
  (void)state;
  begin(&at_once, 2);
  response.tasks[1].after_ms = 0;
  step(RESPONSE_BREACH);
  (void)act(0);
  (void)act(0);
  set_off(0, TASK_ON);
  step(RESPONSE_CALM);
  assert_int_equal(act(0), 1);
  assert_int_equal(pass(), 0);
  step(RESPONSE_CALM);
  assert_int_equal(response.state, RESPONSE_OFF);
  assert_int_equal(response_level(&response), 1);
  assert_int_equal(response_wake_ms(&response, now_ms), RESPONSE_NEVER);
  set_auto(0, TASK_ON);
  step(RESPONSE_CALM);
  assert_int_equal(act(0), 0); /* now it is undone */
  assert_int_equal(response_level(&response), 0);
}

static void a_response_of_which_all_is_off_does_not_engage(void **state) {
  (void)state;
  begin(&at_once, 1);
  set_off(0, TASK_OFF);
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_OFF);
  assert_int_equal(response_wake_ms(&response, now_ms), RESPONSE_NEVER);
  set_auto(0, TASK_OFF);
  step(RESPONSE_BREACH);
  assert_int_equal(act(0), 0);
  set_off(0, TASK_ON);
  now_ms += 10 * S;
  step(RESPONSE_BREACH);
  assert_int_equal(response.state, RESPONSE_ENGAGED);
  set_auto(0, TASK_ON);
  step(RESPONSE_BREACH);
  assert_int_equal(act(0), 0); /* looked after at once */
  assert_int_equal(response_level(&response), 1);
}

static void what_is_off_is_no_step_of_the_escalation(void **state) {
  (void)state;
  begin(&at_once, 3);
  set_off(1, TASK_OFF);
  step(RESPONSE_BREACH);
  (void)act(0);
  assert_true(response_escalate(&response, now_ms));
  step(RESPONSE_BREACH);
  assert_int_equal(pass(), 1);
  assert_int_equal(act(0), 2);
  assert_false(response_escalate(&response, now_ms));
}

static void the_escalation_rests_while_no_rule_is_bad(void **state) {
  (void)state;
  struct response_rules rules = {.release_ms = 300 * S, .max_acts = 30};
  begin(&rules, 2);
  step(RESPONSE_BREACH);
  (void)act(0);
  step(RESPONSE_CALM);
  now_ms += 60 * S;
  step(RESPONSE_CALM);
  assert_int_equal(act(0), -1);
  assert_int_equal(response_wake_ms(&response, now_ms), now_ms + 240 * S);
  step(RESPONSE_FROZEN);
  assert_int_equal(act(0), -1);
  assert_int_equal(response_wake_ms(&response, now_ms), RESPONSE_NEVER);
  step(RESPONSE_BREACH);
  assert_int_equal(act(0), 1);
}

/* ---- the trigger ---- */

static void rules_together(void **state) {
  (void)state;
  struct trigger_rule rules[] = {{.name = "a"}, {.name = "b"}};
  struct trigger trigger = {
      .at_least = ALERT_WARNING, .rules = rules, .len = 2};
  static const struct {
    enum alert_state a, b;
    enum response_input input;
    const char *cause;
  } table[] = {
      {ALERT_UNKNOWN, ALERT_MISSING, RESPONSE_CALM, NULL},
      {ALERT_OKAY, ALERT_MISSING, RESPONSE_CALM, NULL},
      {ALERT_WARNING, ALERT_MISSING, RESPONSE_BREACH, "a"},
      {ALERT_WARNING, ALERT_FAILURE, RESPONSE_BREACH, "b"},
      {ALERT_OKAY, ALERT_MISSING, RESPONSE_FROZEN, "b"},
      {ALERT_FAILURE, ALERT_MISSING, RESPONSE_BREACH, "a"},
      {ALERT_UNKNOWN, ALERT_OKAY, RESPONSE_FROZEN, "a"},
      {ALERT_OKAY, ALERT_UNKNOWN, RESPONSE_CALM, "a"},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    rules[0].state = table[i].a;
    rules[1].state = table[i].b;
    assert_int_equal(trigger_judge(&trigger), table[i].input);
    if (table[i].cause == NULL) {
      assert_null(trigger.cause);
    } else {
      assert_string_equal(trigger.cause->name, table[i].cause);
    }
  }
  trigger.at_least = ALERT_FAILURE;
  rules[0].state = ALERT_WARNING;
  rules[1].state = ALERT_OKAY;
  assert_int_equal(trigger_judge(&trigger), RESPONSE_CALM);
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
      TEST(engages_after_its_time_and_releases_after_calm),
      TEST(a_short_breach_and_a_short_calm_change_nothing),
      TEST(escalates_and_is_undone_in_reverse),
      TEST(an_action_that_fails_is_repeated_and_delays_no_other),
      TEST(a_newer_wish_supersedes_at_once),
      TEST(a_breach_while_releasing_engages_again),
      TEST(frozen_is_neither_breach_nor_calm),
      TEST(nothing_is_engaged_in_the_grace_after_the_start),
      TEST(the_brake_latches_and_still_undoes),
      TEST(retries_are_not_counted_by_the_brake),
      TEST(what_is_on_is_looked_after),
      TEST(a_rule_that_is_bad_again_is_answered_at_once),
      TEST(undoing_may_go_step_by_step),
      TEST(goes_on_after_a_restart),
      TEST(an_act_that_may_not_be_done_comes_up_again),
      TEST(an_action_that_is_off_keeps_nothing_up),
      TEST(what_is_on_and_set_off_stays_on),
      TEST(a_response_of_which_all_is_off_does_not_engage),
      TEST(what_is_off_is_no_step_of_the_escalation),
      TEST(the_escalation_rests_while_no_rule_is_bad),
      cmocka_unit_test(rules_together),
      cmocka_unit_test(names_are_read_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

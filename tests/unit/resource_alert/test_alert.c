/* SPDX-License-Identifier: MIT */
/* alert: scripts of readings on a fake clock, and the states that follow. */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "resource_alert/alerts/alert.h"

#define INTERVAL_MS 10000
#define NONE ((double)NAN)

static const struct rule_limits plain = {
    .warning_min = NONE,
    .warning_max = 80,
    .failure_min = NONE,
    .failure_max = 95,
    .missing = RULE_MISSING_WARNING,
};

struct script {
  struct alert alert;
  struct rule_limits limits;
  int64_t now_ms;
  struct alert_change change; /* the last one */
};

/* Takes one reading an interval after the last. Returns the state. */
static enum alert_state take(struct script *script, double value) {
  script->now_ms += INTERVAL_MS;
  const struct alert_time now = {
      .series_ms = script->now_ms,
      .tolerance_ms = INTERVAL_MS / 8,
      .wall_ms = script->now_ms,
      .gap_ms = 5 * INTERVAL_MS / 2,
  };
  struct alert_change change;
  bool has_changed = alert_evaluate(&script->alert, &script->limits, value,
                                    false, &now, &change);
  if (has_changed) {
    assert_int_not_equal(change.from, change.to);
    assert_int_equal(change.to, script->alert.state);
    script->change = change;
  }
  return (enum alert_state)script->alert.state;
}

/* Readings and the letters of the states that follow: "UOWFM". */
static void expect(struct script *script, const double *values,
                   const char *states) {
  for (size_t i = 0; states[i] != '\0'; i++) {
    char letter = alert_state_name(take(script, values[i]))[0];
    if (letter != states[i]) {
      fail_msg("reading %zu: %c, not %c, of %s", i, letter, states[i], states);
    }
  }
}

static void follows_its_limits(void **state) {
  (void)state;
  struct script script = {.limits = plain};
  expect(&script, (double[]){80, 80.1, 95, 95.1, 81, 80, 96, 0}, "OWWFWOFO");
}

static void knows_what_is_news(void **state) {
  (void)state;
  assert_false(alert_is_news(ALERT_UNKNOWN, ALERT_OKAY));
  assert_true(alert_is_news(ALERT_UNKNOWN, ALERT_WARNING));
  assert_true(alert_is_news(ALERT_WARNING, ALERT_FAILURE));
  assert_true(alert_is_news(ALERT_WARNING, ALERT_OKAY));
  assert_true(alert_is_news(ALERT_OKAY, ALERT_MISSING));
  assert_false(alert_is_news(ALERT_WARNING, ALERT_WARNING));
  assert_false(alert_is_news(ALERT_WARNING, ALERT_UNKNOWN));
  struct script script = {.limits = plain};
  expect(&script, (double[]){1}, "O");
  expect(&script, (double[]){81}, "W");
  assert_true(script.change.is_limit_max);
  assert_true(fabs(script.change.limit - 80) < 1e-9);
  expect(&script, (double[]){1}, "O");
}

static void holds_for_its_time(void **state) {
  (void)state;
  struct script script = {.limits = plain};
  script.limits.for_s = 20;
  script.limits.recover_s = 30;
  expect(&script, (double[]){81, 81, 1, 81, 81, 81, 1, 1, 81, 1, 1, 1, 1}, /**/
         "UUOOOWWWWWWWO");
  assert_int_equal(script.change.held_s, 30);
}

static void jumping_between_two_limits_holds_the_lower(void **state) {
  (void)state;
  struct script script = {.limits = plain};
  script.limits.for_s = 20;
  expect(&script, (double[]){1, 81, 96, 81, 96, 96, 96, 81}, "OOOWWWFW");
}

static void counts_hits(void **state) {
  (void)state;
  struct script script = {.limits = plain};
  script.limits.hits = 3;
  expect(&script, (double[]){1, 81, 81, 1, 81, 81, 81, 1}, "OOOOOOWO");
}

static void nan_neither_breaks_nor_fills_a_hold(void **state) {
  (void)state;
  struct script script = {.limits = plain};
  script.limits.for_s = 20;
  expect(&script, (double[]){1, 81, NONE, 81}, "OOOW");
  script = (struct script){.limits = plain};
  script.limits.for_s = 20;
  expect(&script, (double[]){1, 81, NONE, NONE, NONE, 81, 81, 81}, "OOOOOOOW");
}

static void hysteresis_widens_only_the_present_state(void **state) {
  (void)state;
  struct script script = {.limits = plain};
  script.limits.hysteresis = 5;
  expect(&script, (double[]){79, 81, 76, 75, 74, 79, 96, 91, 90, 89, 76, 74},
         "OWWOOOFFWWWO");
}

static void inverted_limits_are_bad_inside(void **state) {
  (void)state;
  struct script script = {.limits = {.warning_min = 10,
                                     .warning_max = 20,
                                     .failure_min = NONE,
                                     .failure_max = NONE,
                                     .is_inverted = true}};
  expect(&script, (double[]){9, 10, 15, 20, 21}, "OWWWO");
}

static void a_lower_limit_is_named(void **state) {
  (void)state;
  struct script script = {.limits = {.warning_min = 3,
                                     .warning_max = NONE,
                                     .failure_min = NONE,
                                     .failure_max = NONE}};
  expect(&script, (double[]){3, 2}, "OW");
  assert_false(script.change.is_limit_max);
  assert_true(fabs(script.change.limit - 3) < 1e-9);
}

static void tells_what_comes_next(void **state) {
  static const struct rule_limits limits = {.warning_min = (double)NAN,
                                            .failure_min = (double)NAN,
                                            .warning_max = 80,
                                            .failure_max = 95,
                                            .for_s = 30,
                                            .recover_s = 20,
                                            .hits = 1};
  struct alert alert = {0};
  struct alert_change change;
  enum alert_state next = ALERT_UNKNOWN;
  int64_t left_ms = -1;
  struct alert_time now = {.series_ms = 1000, .gap_ms = 1000000};
  (void)alert_evaluate(&alert, &limits, 10, false, &now, &change);
  assert_false(alert_find_next(&alert, &limits, &next, &left_ms));
  now.series_ms = 11000;
  (void)alert_evaluate(&alert, &limits, 90, false, &now, &change);
  now.series_ms = 21000;
  (void)alert_evaluate(&alert, &limits, 97, false, &now, &change);
  assert_true(alert_find_next(&alert, &limits, &next, &left_ms));
  assert_int_equal(next, ALERT_WARNING); /* before the failure */
  assert_int_equal(left_ms, 20000);
  now.series_ms = 51000;
  (void)alert_evaluate(&alert, &limits, 97, false, &now, &change);
  assert_int_equal(alert.state, ALERT_FAILURE);
  assert_false(alert_find_next(&alert, &limits, &next, &left_ms));
  now.series_ms = 61000;
  (void)alert_evaluate(&alert, &limits, 10, false, &now, &change);
  assert_true(alert_find_next(&alert, &limits, &next, &left_ms));
  assert_int_equal(next, ALERT_OKAY);
  assert_int_equal(left_ms, 20000);
}

static void a_series_stops_and_comes_back(void **state) {
  (void)state;
  struct script script = {.limits = plain};
  struct alert_change change;
  expect(&script, (double[]){1}, "O");
  assert_true(alert_mark_missing(&script.alert, &plain, 1, 20000, &change));
  assert_int_equal(change.to, ALERT_MISSING);
  assert_false(alert_mark_missing(&script.alert, &plain, 1, 30000, &change));
  expect(&script, (double[]){1}, "O");
  assert_int_equal(script.change.cause, ALERT_CAUSE_BACK);
}

static void back_from_missing_is_not_evaluated_at_once(void **state) {
  (void)state;
  struct script script = {.limits = plain};
  struct alert_change change;
  script.limits.for_s = 20;
  expect(&script, (double[]){1, 81}, "OO");
  assert_true(
      alert_mark_missing(&script.alert, &script.limits, 1, 20000, &change));
  expect(&script, (double[]){81, 81, 81}, "UUW");
}

static void a_series_that_was_never_read_does_not_stop(void **state) {
  (void)state;
  struct script script = {.limits = plain, .alert = {.value = (double)NAN}};
  struct alert_change change;
  assert_false(alert_mark_missing(&script.alert, &plain, 1, 20000, &change));
  assert_int_equal(script.alert.state, ALERT_UNKNOWN);
}

static void back_from_a_pause_recovers_for_its_time(void **state) {
  (void)state;
  for (int missing = RULE_MISSING_IGNORE; missing <= RULE_MISSING_FAILURE;
       missing++) {
    struct script script = {.limits = plain};
    struct alert_change change;
    script.limits.missing = missing;
    script.limits.recover_s = 30;
    expect(&script, (double[]){81}, "W");
    assert_true(
        alert_mark_missing(&script.alert, &script.limits, 1, 20000, &change));
    expect(&script, (double[]){1, 1, 1, 1, 1}, "UUUOO");
  }
}

static void ignored_missing_is_unknown(void **state) {
  (void)state;
  struct script script = {.limits = plain};
  struct alert_change change;
  script.limits.missing = RULE_MISSING_IGNORE;
  expect(&script, (double[]){1}, "O");
  assert_true(
      alert_mark_missing(&script.alert, &script.limits, 1, 20000, &change));
  assert_int_equal(change.to, ALERT_UNKNOWN);
  expect(&script, (double[]){81}, "W");
  assert_true(
      alert_mark_missing(&script.alert, &script.limits, 1, 20000, &change));
  expect(&script, (double[]){1}, "O");
}

static void a_restored_state_is_no_change(void **state) {
  (void)state;
  struct script script = {.limits = plain};
  alert_restore(&script.alert, ALERT_FAILURE, ALERT_FAILURE, 5);
  expect(&script, (double[]){96}, "F");
  assert_int_equal(script.change.to, 0);
  assert_int_equal(script.alert.since_wall_ms, 5);
  expect(&script, (double[]){81, 1}, "WO");
}

static void orders_states_by_how_bad_they_are(void **state) {
  (void)state;
  assert_int_equal(alert_state_pick_worse(ALERT_MISSING, ALERT_WARNING),
                   ALERT_WARNING);
  assert_int_equal(alert_state_pick_worse(ALERT_OKAY, ALERT_MISSING),
                   ALERT_MISSING);
  for (int i = 0; i < ALERT_STATES; i++) {
    enum alert_state parsed = ALERT_UNKNOWN;
    assert_true(
        alert_state_from_name(alert_state_name((enum alert_state)i), &parsed));
    assert_int_equal(parsed, i);
  }
  enum alert_state untouched = ALERT_WARNING;
  assert_false(alert_state_from_name("warning", &untouched));
  assert_int_equal(untouched, ALERT_WARNING);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(follows_its_limits),
      cmocka_unit_test(knows_what_is_news),
      cmocka_unit_test(holds_for_its_time),
      cmocka_unit_test(jumping_between_two_limits_holds_the_lower),
      cmocka_unit_test(counts_hits),
      cmocka_unit_test(nan_neither_breaks_nor_fills_a_hold),
      cmocka_unit_test(hysteresis_widens_only_the_present_state),
      cmocka_unit_test(inverted_limits_are_bad_inside),
      cmocka_unit_test(a_lower_limit_is_named),
      cmocka_unit_test(tells_what_comes_next),
      cmocka_unit_test(a_series_stops_and_comes_back),
      cmocka_unit_test(back_from_missing_is_not_evaluated_at_once),
      cmocka_unit_test(a_series_that_was_never_read_does_not_stop),
      cmocka_unit_test(back_from_a_pause_recovers_for_its_time),
      cmocka_unit_test(ignored_missing_is_unknown),
      cmocka_unit_test(a_restored_state_is_no_change),
      cmocka_unit_test(orders_states_by_how_bad_they_are),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

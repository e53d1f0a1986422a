/* SPDX-License-Identifier: MIT */
/* tally: episodes, flaps, engagements and acts, counted from their changes. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "ctl/simulate/report.h"
#include "resource_alert/rules/rule.h"

#define SHORT_MS 300

static void change(struct tally *tally, int64_t at_ms, size_t rule,
                   const char *series, enum alert_state to) {
  const struct rule one = {.index = rule};
  struct announcement announcement = {.rule = &one, .to = to};
  (void)snprintf(announcement.series, sizeof(announcement.series), "%s",
                 series);
  tally_alert(tally, at_ms, &announcement);
}

static struct tally tally_of(size_t rules, size_t responses) {
  struct tally tally;
  assert_int_equal(tally_init(&tally, rules, responses, SHORT_MS), 0);
  return tally;
}

static void
test_an_episode_lasts_from_leaving_okay_to_being_back(void **state) {
  (void)state;
  struct tally tally = tally_of(2, 0);
  change(&tally, 0, 1, "a", ALERT_OKAY);
  change(&tally, 1000, 1, "a", ALERT_WARNING);
  change(&tally, 1500, 1, "a", ALERT_FAILURE);
  change(&tally, 1700, 1, "a", ALERT_MISSING);
  change(&tally, 1800, 1, "a", ALERT_FAILURE);
  change(&tally, 2500, 1, "a", ALERT_OKAY);
  const struct tally_rule *rule = &tally.rules[1];
  assert_int_equal(rule->episodes, 1);
  assert_int_equal(rule->failures, 2);
  assert_int_equal(rule->missing, 1);
  assert_int_equal(rule->flaps, 0);
  assert_int_equal(rule->total_ms, 1500);
  assert_int_equal(tally.rules[0].episodes, 0);
  tally_fini(&tally);
}

static void test_a_short_episode_is_a_flap(void **state) {
  (void)state;
  struct tally tally = tally_of(1, 0);
  change(&tally, 0, 0, "a", ALERT_WARNING);
  change(&tally, SHORT_MS - 1, 0, "a", ALERT_OKAY);
  change(&tally, 1000, 0, "a", ALERT_WARNING);
  change(&tally, 1000 + SHORT_MS, 0, "a", ALERT_OKAY);
  assert_int_equal(tally.rules[0].episodes, 2);
  assert_int_equal(tally.rules[0].flaps, 1);
  assert_int_equal(tally.rules[0].longest_ms, SHORT_MS);
  tally_fini(&tally);
}

static void test_series_are_told_apart(void **state) {
  (void)state;
  struct tally tally = tally_of(1, 0);
  change(&tally, 0, 0, "a", ALERT_WARNING);
  change(&tally, 100, 0, "b", ALERT_WARNING);
  change(&tally, 1000, 0, "a", ALERT_OKAY);
  change(&tally, 3000, 0, "b", ALERT_UNKNOWN);
  assert_int_equal(tally.rules[0].episodes, 2);
  assert_int_equal(tally.rules[0].total_ms, 1000 + 2900);
  assert_int_equal(tally.rules[0].longest_ms, 2900);
  assert_int_equal(tally.open_len, 0);
  tally_fini(&tally);
}

static void test_what_the_end_cuts_off_is_no_flap(void **state) {
  (void)state;
  struct tally tally = tally_of(1, 0);
  change(&tally, 0, 0, "a", ALERT_WARNING);
  change(&tally, 0, 0, "b", ALERT_MISSING);
  tally_end(&tally, 100);
  assert_int_equal(tally.rules[0].episodes, 2);
  assert_int_equal(tally.rules[0].flaps, 0);
  assert_int_equal(tally.rules[0].total_ms, 200);
  assert_int_equal(tally.open_len, 0);
  tally_fini(&tally);
}

static void test_engagements(void **state) {
  (void)state;
  struct tally tally = tally_of(0, 2);
  tally_response_change(&tally, 1000, 1, RESPONSE_ENGAGING);
  tally_response_change(&tally, 1200, 1, RESPONSE_ENGAGED);
  tally_response_change(&tally, 2000, 1, RESPONSE_RELEASING);
  tally_response_change(&tally, 2100, 1, RESPONSE_OFF);
  tally_response_change(&tally, 5000, 1, RESPONSE_ENGAGING);
  tally_end(&tally, 5500);
  assert_int_equal(tally.responses[1].engaged.times, 2);
  assert_int_equal(tally.responses[1].engaged.total_ms, 1500);
  assert_int_equal(tally.responses[0].engaged.times, 0);
  tally_fini(&tally);
}

static void test_each_action_by_itself(void **state) {
  (void)state;
  struct tally tally = tally_of(0, 1);
  tally_action(&tally, 1000, 0, "Switch a", true);
  tally_action(&tally, 2000, 0, "Scale b", true);
  tally_action(&tally, 2500, 0, "Scale b", true);
  tally_action(&tally, 3000, 0, "Scale b", false);
  tally_action(&tally, 6000, 0, "Scale b", true);
  tally_end(&tally, 7000);
  const struct tally_response *one = &tally.responses[0];
  assert_int_equal(one->actions_len, 2);
  assert_string_equal(one->actions[0].name, "Switch a");
  assert_int_equal(one->actions[0].on.times, 1);
  assert_int_equal(one->actions[0].on.total_ms, 6000);
  assert_int_equal(one->actions[1].on.times, 2);
  assert_int_equal(one->actions[1].on.total_ms, 2000);
  tally_fini(&tally);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_an_episode_lasts_from_leaving_okay_to_being_back),
      cmocka_unit_test(test_a_short_episode_is_a_flap),
      cmocka_unit_test(test_series_are_told_apart),
      cmocka_unit_test(test_what_the_end_cuts_off_is_no_flap),
      cmocka_unit_test(test_engagements),
      cmocka_unit_test(test_each_action_by_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* test_report: episodes, flaps, engagements and actions, counted from their
 * changes. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "ctl/simulate/report.h"
#include "resource_alert/rules/rule.h"

#define SHORT_MS 300

static void change(struct report *report, int64_t at_ms, size_t rule,
                   const char *series, enum alert_state to) {
  const struct rule one = {.index = rule};
  struct alert_event event = {.rule = &one, .change = {.to = to}};
  (void)snprintf(event.series, sizeof(event.series), "%s", series);
  report_add_alert(report, at_ms, &event);
}

static struct report report_of(size_t rules, size_t responses) {
  struct report report;
  assert_int_equal(report_init(&report, rules, responses, SHORT_MS), 0);
  return report;
}

static void
test_an_episode_lasts_from_leaving_okay_to_being_back(void **state) {
  (void)state;
  struct report report = report_of(2, 0);
  change(&report, 0, 1, "a", ALERT_OKAY);
  change(&report, 1000, 1, "a", ALERT_WARNING);
  change(&report, 1500, 1, "a", ALERT_FAILURE);
  change(&report, 1700, 1, "a", ALERT_MISSING);
  change(&report, 1800, 1, "a", ALERT_FAILURE);
  change(&report, 2500, 1, "a", ALERT_OKAY);
  const struct report_rule *rule = &report.rules[1];
  assert_int_equal(rule->episodes, 1);
  assert_int_equal(rule->failures, 2);
  assert_int_equal(rule->missing, 1);
  assert_int_equal(rule->flaps, 0);
  assert_int_equal(rule->total_ms, 1500);
  assert_int_equal(report.rules[0].episodes, 0);
  report_fini(&report);
}

static void test_a_short_episode_is_a_flap(void **state) {
  (void)state;
  struct report report = report_of(1, 0);
  change(&report, 0, 0, "a", ALERT_WARNING);
  change(&report, SHORT_MS - 1, 0, "a", ALERT_OKAY);
  change(&report, 1000, 0, "a", ALERT_WARNING);
  change(&report, 1000 + SHORT_MS, 0, "a", ALERT_OKAY);
  assert_int_equal(report.rules[0].episodes, 2);
  assert_int_equal(report.rules[0].flaps, 1);
  assert_int_equal(report.rules[0].longest_ms, SHORT_MS);
  report_fini(&report);
}

static void test_series_are_counted_separately(void **state) {
  (void)state;
  struct report report = report_of(1, 0);
  change(&report, 0, 0, "a", ALERT_WARNING);
  change(&report, 100, 0, "b", ALERT_WARNING);
  change(&report, 1000, 0, "a", ALERT_OKAY);
  change(&report, 3000, 0, "b", ALERT_UNKNOWN);
  assert_int_equal(report.rules[0].episodes, 2);
  assert_int_equal(report.rules[0].total_ms, 1000 + 2900);
  assert_int_equal(report.rules[0].longest_ms, 2900);
  assert_int_equal(report.open_len, 0);
  report_fini(&report);
}

static void test_an_episode_that_the_end_cuts_off_is_not_a_flap(void **state) {
  (void)state;
  struct report report = report_of(1, 0);
  change(&report, 0, 0, "a", ALERT_WARNING);
  change(&report, 0, 0, "b", ALERT_MISSING);
  report_end_episodes(&report, 100);
  assert_int_equal(report.rules[0].episodes, 2);
  assert_int_equal(report.rules[0].flaps, 0);
  assert_int_equal(report.rules[0].total_ms, 200);
  assert_int_equal(report.open_len, 0);
  report_fini(&report);
}

static void test_engagements(void **state) {
  (void)state;
  struct report report = report_of(0, 2);
  report_add_response(&report, 1000, 1, RESPONSE_ENGAGING);
  report_add_response(&report, 1200, 1, RESPONSE_ENGAGED);
  report_add_response(&report, 2000, 1, RESPONSE_RELEASING);
  report_add_response(&report, 2100, 1, RESPONSE_OFF);
  report_add_response(&report, 5000, 1, RESPONSE_ENGAGING);
  report_end_episodes(&report, 5500);
  assert_int_equal(report.responses[1].engaged.times, 2);
  assert_int_equal(report.responses[1].engaged.total_ms, 1500);
  assert_int_equal(report.responses[0].engaged.times, 0);
  report_fini(&report);
}

static void test_each_action_by_itself(void **state) {
  (void)state;
  struct report report = report_of(0, 1);
  report_add_action(&report, 1000, 0, "Switch a", true);
  report_add_action(&report, 2000, 0, "Scale b", true);
  report_add_action(&report, 2500, 0, "Scale b", true);
  report_add_action(&report, 3000, 0, "Scale b", false);
  report_add_action(&report, 6000, 0, "Scale b", true);
  report_end_episodes(&report, 7000);
  const struct report_response *one = &report.responses[0];
  assert_int_equal(one->actions_len, 2);
  assert_string_equal(one->actions[0].name, "Switch a");
  assert_int_equal(one->actions[0].on.times, 1);
  assert_int_equal(one->actions[0].on.total_ms, 6000);
  assert_int_equal(one->actions[1].on.times, 2);
  assert_int_equal(one->actions[1].on.total_ms, 2000);
  report_fini(&report);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_an_episode_lasts_from_leaving_okay_to_being_back),
      cmocka_unit_test(test_a_short_episode_is_a_flap),
      cmocka_unit_test(test_series_are_counted_separately),
      cmocka_unit_test(test_an_episode_that_the_end_cuts_off_is_not_a_flap),
      cmocka_unit_test(test_engagements),
      cmocka_unit_test(test_each_action_by_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

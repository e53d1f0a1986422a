/* SPDX-License-Identifier: MIT */
/* metric_selector: which series a Metric line matches; and messages and rates.
 */
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "resource_alert/alerts/series.h"
#include "resource_alert/rules/message.h"
#include "resource_alert/rules/metric_selector.h"

static void fill(struct reading_names *names, const char *host,
                 const char *plugin, const char *plugin_instance,
                 const char *type, const char *type_instance) {
  memset(names, 0, sizeof(*names));
  (void)snprintf(names->host, READING_NAME_BYTES, "%s", host);
  (void)snprintf(names->plugin, READING_NAME_BYTES, "%s", plugin);
  (void)snprintf(names->plugin_instance, READING_NAME_BYTES, "%s",
                 plugin_instance);
  (void)snprintf(names->type, READING_NAME_BYTES, "%s", type);
  (void)snprintf(names->type_instance, READING_NAME_BYTES, "%s", type_instance);
}

static bool takes(const char *metric, const struct reading_names *names,
                  const char *source) {
  struct metric_selector selector = {0};
  struct metric_selector_subject subject;
  struct error error = {{0}};
  if (metric_selector_init(&selector, metric, &error) != 0) {
    fail_msg("%s: %s", metric, error.text);
  }
  metric_selector_subject_init(&subject, names);
  bool is_taken = metric_selector_matches(&selector, &subject) &&
                  metric_selector_matches_source(&selector, source);
  metric_selector_fini(&selector);
  return is_taken;
}

static void matches_names_as_they_are_written(void **state) {
  (void)state;
  struct reading_names names;
  fill(&names, "web1", "statgrab", "load", "load", "relative");
  assert_true(takes("statgrab-load/load-relative", &names, "shortterm"));
  assert_true(takes("statgrab-load/load-relative:short*", &names, "shortterm"));
  assert_false(takes("statgrab-load/load-relative:long*", &names, "shortterm"));
  assert_true(takes("web?/stat*/load*", &names, "shortterm"));
  assert_true(takes("*/*/*", &names, "shortterm"));
  assert_false(takes("db?/*/*", &names, "shortterm"));
  assert_false(takes("statgrab/load-relative", &names, "shortterm"));
  assert_false(takes("statgrab-load/load", &names, "shortterm"));
  assert_false(takes("statgra-load/load-relative", &names, "shortterm"));
  fill(&names, "h", "p", "a:b", "t", "1/2:3");
  assert_true(takes("p-a:b/t-1[/]2[:]3", &names, "value"));
  assert_true(takes("p-a:b/t-1\\/2\\:3:value", &names, "value"));
}

static void refuses_what_is_no_metric(void **state) {
  (void)state;
  static const char *const bad[] = {"",    "a",    "/",    "a/",
                                    "/a",  "a/b:", "a/[",  "a/b/c/d",
                                    "[/b", "a\\",  "a/b/", "//"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct metric_selector selector = {0};
    struct error error = {{0}};
    if (metric_selector_init(&selector, bad[i], &error) != -EINVAL) {
      fail_msg("\"%s\" was taken", bad[i]);
    }
    assert_string_not_equal(error.text, "");
  }
}

static void messages_are_filled_in(void **state) {
  (void)state;
  const char *fields[MESSAGE_FIELDS];
  for (size_t i = 0; i < MESSAGE_FIELDS; i++) {
    fields[i] = "x";
  }
  fields[MESSAGE_RULE] = "pool_used";
  fields[MESSAGE_VALUE] = "83.3";
  char text[64];
  message_format("%{rule}: 100%% of %{value} % %{", fields, text, sizeof(text));
  assert_string_equal(text, "pool_used: 100% of 83.3 % %{");
  fields[MESSAGE_HOST] = "\n%{rule}%s";
  message_format("%{host}", fields, text, sizeof(text));
  assert_string_equal(text, "?%{rule}%s");
  message_format("abc\xc3\xa9", fields, text, 5);
  assert_string_equal(text, "abc");
  assert_int_equal(message_check("100% of %{value}%%", NULL), 0);
  assert_int_equal(message_check("%{valu}", NULL), -EINVAL);
  assert_int_equal(message_check("%{value", NULL), -EINVAL);
}

static double rate(enum reading_kind kind, uint64_t raw, uint64_t previous,
                   double elapsed_s) {
  const struct reading_source source = {
      .kind = kind, .min = 0, .max = (double)NAN};
  return series_rate_compute(&source, raw, previous,
                             (int64_t)(elapsed_s * 1e9));
}

static void rates_survive_wraps_and_resets(void **state) {
  (void)state;
  assert_true(fabs(rate(READING_DERIVE, 150, 100, 10) - 5) < 1e-9);
  assert_true(isnan(rate(READING_DERIVE, 0, 100, 10)));
  assert_true(isnan(rate(READING_DERIVE, 5, 0, 0)));
  assert_true(fabs(rate(READING_COUNTER, 4, UINT32_MAX - 5, 10) - 1) < 1e-9);
  assert_true(fabs(rate(READING_COUNTER, 4, UINT64_MAX - 5, 10) - 1) < 1e-9);
  assert_true(fabs(rate(READING_ABSOLUTE, 50, 70, 10) - 5) < 1e-9);
  uint64_t raw;
  double level = -1;
  memcpy(&raw, &level, sizeof(raw));
  assert_true(isnan(rate(READING_GAUGE, raw, 0, 0))); /* below min */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matches_names_as_they_are_written),
      cmocka_unit_test(refuses_what_is_no_metric),
      cmocka_unit_test(messages_are_filled_in),
      cmocka_unit_test(rates_survive_wraps_and_resets),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

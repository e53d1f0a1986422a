/* SPDX-License-Identifier: MIT */
/* test_scenario: tests of rules and responses, met and not met. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "ctl/simulate/scenario.h"

static const char rules[] = "<Threshold \"used\">\n"
                            "  Metric \"*/percent-used\"\n"
                            "  WarningMax 80\n  FailureMax 95\n  For 20\n"
                            "</Threshold>\n"
                            "<Notification \"full\">\n"
                            "  Message \"*full*\"\n  TTL 60\n"
                            "</Notification>\n"
                            "<SwitchStore \"file\">\n  Path \"/nowhere\"\n"
                            "</SwitchStore>\n"
                            "<Response \"degrade\">\n"
                            "  When \"used\" \"full\"\n"
                            "  EngageAfter 30\n  ReleaseAfter 60\n"
                            "  <Switch \"s\">\n  </Switch>\n"
                            "</Response>\n";

static struct resource_alert_options options;

static int parse_text(const char *text, const struct option_block *block,
                      void *target, struct error *error) {
  struct config_item root = {0};
  char name[] = "Plugin";
  int code = config_text_parse(text, strlen(text), &root, error);
  assert_int_equal(code, 0);
  root.key = name;
  code = option_parse(block, &root, target, error);
  root.key = NULL;
  config_item_fini(&root);
  return code;
}

static int read_rules(void **state) {
  (void)state;
  struct error error = {{0}};
  return option_init(&resource_alert_options, &options) == 0 &&
                 parse_text(rules, &resource_alert_options, &options, &error) ==
                     0
             ? 0
             : -1;
}

static int free_rules(void **state) {
  (void)state;
  option_fini(&resource_alert_options, &options);
  return 0;
}

/* Runs a test with these values and moments. Returns what is unmet (yours). */
static char *run_values(const char *values, const char *moments) {
  char text[1024];
  struct scenario_file file;
  struct error error = {{0}};
  (void)snprintf(text, sizeof(text),
                 "<Test \"t\">\n<Series \"h/pool/percent-used\">\n"
                 "Values \"%s\"\n</Series>\n%s</Test>\n",
                 values, moments);
  assert_int_equal(option_init(&scenario_file_block, &file), 0);
  if (parse_text(text, &scenario_file_block, &file, &error) != 0) {
    fail_msg("%s", error.text);
  }
  char *unmet = NULL;
  size_t bytes = 0;
  FILE *memory = open_memstream(&unmet, &bytes);
  assert_non_null(memory);
  int count = scenario_run(file.scenarios.items, &options, memory, &error);
  (void)fclose(memory);
  size_t lines = 0;
  for (const char *at = unmet; (at = strchr(at, '\n')) != NULL; at++) {
    lines++;
  }
  assert_int_equal(count, lines);
  option_fini(&scenario_file_block, &file);
  return unmet;
}

#define AT(time, line) "<At \"" time "\">\n" line "\n</At>\n"
#define RULE(time, state) AT(time, "Rule \"used\" \"" state "\"")
#define RESPONSE(time, state) AT(time, "Response \"degrade\" \"" state "\"")
#define FULL(time) AT(time, "Notification \"failure\" \"h/app\" \"full\"")

static void test_states_by_time(void **state) {
  (void)state;
  static const struct {
    const char *values, *moments, *unmet;
  } table[] = {
      {"40x6 90x6",
       RULE("0", "OKAY") RULE("70s", "OKAY") RULE("80s", "WARNING"), ""},
      {"99x4", RULE("10s", "UNKNOWN") RULE("20s", "FAILURE"), ""},
      {"40 _x9", RULE("15s", "OKAY") RULE("1m", "MISSING"), ""},
      {"nan", RULE("5s", "UNKNOWN"), ""},
      {"90x60", RESPONSE("40s", "OFF") RESPONSE("60s", "ENGAGED"), ""},
      {"90x12 40x30", RESPONSE("2m", "ENGAGED") RESPONSE("7m", "OFF"), ""},
      {"40", FULL("0") RESPONSE("31s", "ENGAGED"), ""},
      {"40x6", RULE("30s", "WARNING"),
       "  at 30s: rule \"used\": WARNING expected, OKAY found\n"},
      {"40", AT("0", "Rule \"usde\" \"OKAY\""),
       "  at 0: rule \"usde\": OKAY expected, no such rule found\n"},
      {"40", AT("0", "Response \"x\" \"OFF\""),
       "  at 0: response \"x\": OFF expected, no such response found\n"},
      {"40x6", RULE("30s", "FAILURE") RULE("10s", "MISSING"),
       "  at 10s: rule \"used\": MISSING expected, OKAY found\n"
       "  at 30s: rule \"used\": FAILURE expected, OKAY found\n"},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    char *unmet = run_values(table[i].values, table[i].moments);
    if (strcmp(unmet, table[i].unmet) != 0) {
      fail_msg("%s, %s:\n%s", table[i].values, table[i].moments, unmet);
    }
    free(unmet);
  }
}

static void test_what_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *reason;
  } table[] = {
      {RULE("soon", "OKAY"), "\"soon\" is not a duration"},
      {RULE("1s", "FINE"), "\"FINE\": no such state"},
      {RESPONSE("1s", "ON"), "\"ON\": no such state"},
      {AT("1s", "Rule \"used\""), "write Rule \"NAME\" \"STATE\""},
      {AT("1s", "Notification \"fine\" \"h/app\" \"x\""), "no such severity"},
      {AT("1s", "Notification \"okay\" \"h\" \"x\""), "not the subject"},
      {"<Series \"pool/percent\">\nValues \"1\"\n</Series>\n", "not a series"},
      {"<Series \"h/p/t\">\nValues \"1y\"\n</Series>\n", "not a reading"},
      {"<Series \"h/p/t\">\n</Series>\n", "Values"},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    char text[512];
    struct scenario_file file;
    struct error error = {{0}};
    (void)snprintf(text, sizeof(text), "<Test \"t\">\n%s</Test>\n",
                   table[i].text);
    assert_int_equal(option_init(&scenario_file_block, &file), 0);
    assert_true(parse_text(text, &scenario_file_block, &file, &error) != 0);
    if (strstr(error.text, table[i].reason) == NULL) {
      fail_msg("not \"%s\" but \"%s\"", table[i].reason, error.text);
    }
    option_fini(&scenario_file_block, &file);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_states_by_time),
      cmocka_unit_test(test_what_is_refused),
  };
  return cmocka_run_group_tests(tests, read_rules, free_rules);
}

/* SPDX-License-Identifier: MIT */
/* fuzz_scenario: any text as a file of tests, run against a few rules. Long
 * numbers are left out: a test may last as long as its author likes. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "ctl/simulate/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DIGITS_MAX 3

static const char settings[] = "<Threshold \"t\">\n"
                               "  Metric \"p*/*\"\n"
                               "  WarningMax 10\n  FailureMax 50\n"
                               "  For 20\n  Missing \"failure\"\n"
                               "</Threshold>\n"
                               "<Notification \"n\">\n"
                               "  Message \"*f*\"\n  TTL 60\n"
                               "</Notification>\n"
                               "<Response \"r\">\n"
                               "  When \"t\" \"n\"\n"
                               "  <Switch \"s\">\n  </Switch>\n"
                               "</Response>\n";

static struct resource_alert_options options;

static int parse(const char *text, size_t bytes,
                 const struct option_block *block, void *target) {
  struct config_item root = {0};
  struct error error = {{0}};
  char name[] = "Plugin";
  int code = config_text_parse(text, bytes, &root, &error);
  if (code == 0) {
    root.key = name;
    code = option_parse(block, &root, target, &error);
    root.key = NULL;
    config_item_fini(&root);
  }
  return code;
}

static void forget(void) { option_fini(&resource_alert_options, &options); }

static bool is_long(const uint8_t *data, size_t size) {
  size_t digits = 0;
  for (size_t i = 0; i < size; i++) {
    bool has_exponent = digits > 0 && tolower(data[i]) == 'e';
    digits = isdigit(data[i]) ? digits + 1 : 0;
    if (digits > DIGITS_MAX || has_exponent) {
      return true;
    }
  }
  return false;
}

static void run(const struct scenario_file *tests) {
  const struct scenario *scenarios = tests->scenarios.items;
  for (size_t i = 0; i < tests->scenarios.len; i++) {
    char *unmet = NULL;
    size_t bytes = 0;
    struct error error = {{0}};
    FILE *memory = open_memstream(&unmet, &bytes);
    if (memory == NULL) {
      abort();
    }
    (void)scenario_run(&scenarios[i], &options, memory, &error);
    (void)fclose(memory);
    free(unmet);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static bool is_ready;
  if (!is_ready) {
    if (option_init(&resource_alert_options, &options) != 0 ||
        parse(settings, sizeof(settings) - 1, &resource_alert_options,
              &options) != 0) {
      abort();
    }
    is_ready = true;
    (void)atexit(forget);
  }
  struct scenario_file tests;
  if (is_long(data, size) || option_init(&scenario_file_block, &tests) != 0) {
    return 0;
  }
  if (parse((const char *)data, size, &scenario_file_block, &tests) == 0) {
    run(&tests);
  }
  option_fini(&scenario_file_block, &tests);
  return 0;
}

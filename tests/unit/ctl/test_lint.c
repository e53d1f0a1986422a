/* SPDX-License-Identifier: MIT */
/* test_lint: every mistake of a block is reported, each at its place. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "ctl/check/lint.h"
#include "resource_alert/options.h"
#include "support/failing.h"

struct lint_result {
  int code;
  char *text; /* yours */
};

/* Checks TEXT as what is inside <Plugin resource_alert>. */
static struct lint_result lint_text(const char *text, size_t allocations) {
  struct config_item root = {0};
  struct error error = {{0}};
  assert_int_equal(config_text_parse(text, strlen(text), &root, &error), 0);
  char name[] = "Plugin";
  root.key = name;
  struct lint_result result = {.text = NULL};
  size_t bytes = 0;
  FILE *file = open_memstream(&result.text, &bytes);
  assert_non_null(file);
  struct lint_report report = {.file = file};
  failing_after(allocations);
  result.code =
      lint_block(&resource_alert_options,
                 (struct config_files_place){"f", &root}, "P: ", &report);
  (void)failing_stop();
  (void)fclose(file);
  if (result.code >= 0) {
    assert_int_equal(report.counts[LINT_ERROR], result.code);
  }
  root.key = NULL;
  config_item_fini(&root);
  return result;
}

#define RULE(body) "<Threshold \"a\">\nMetric \"b/c\"\n" body "</Threshold>\n"

static void test_mistakes(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int count;
    const char *found[3]; /* parts of the report */
  } table[] = {
      {RULE("WarningMax 1\n"), 0, {NULL}},
      {"Foo 1\nMaxSeries 0\n",
       2,
       {"f:1:1: error: P: unknown option Foo", "f:2:1: error: P: MaxSeries 0"}},
      {RULE("WarningMax x\nFooo 2\n"),
       2,
       {"f:3:1: error: P: WarningMax", "f:4:1: error: P: unknown option Fooo"}},
      {RULE("WarningMax 1\nWarningMax 2\n"),
       1,
       {"f:1:2: error: P: <Threshold \"a\">: line 4: WarningMax"}},
      {RULE("WarningMax 1\n") RULE("WarningMax 1\n"),
       1,
       {"f:5:2: error: P: <Threshold \"a\"> is given twice"}},
      {"StateDir \"/a\"\nStateDir \"/b\"\n",
       1,
       {"f:2:1: error: P: line 2: StateDir"}},
      {"<Nothing \"x\">\n</Nothing>\n",
       1,
       {"f:1:2: error: P: unknown option Nothing"}},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    struct lint_result result = lint_text(table[i].text, SIZE_MAX);
    if (result.code != table[i].count) {
      fail_msg("%s: %d mistakes:\n%s", table[i].text, result.code, result.text);
    }
    for (size_t j = 0; j < 3 && table[i].found[j] != NULL; j++) {
      if (strstr(result.text, table[i].found[j]) == NULL) {
        fail_msg("not \"%s\" but:\n%s", table[i].found[j], result.text);
      }
    }
    free(result.text);
  }
}

static void test_control_characters_stay_out_of_the_report(void **state) {
  (void)state;
  struct lint_result result = lint_text("Mode \"\033[31mred\"\n", SIZE_MAX);
  assert_int_equal(result.code, 1);
  assert_null(strchr(result.text, '\033'));
  free(result.text);
}

static void test_out_of_memory(void **state) {
  (void)state;
  size_t refused = 0;
  for (size_t i = 0; i < 10; i++) {
    struct lint_result result = lint_text(RULE("WarningMax 1\n"), i);
    refused += result.code == -ENOMEM ? 1 : 0;
    free(result.text);
  }
  assert_true(refused > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_mistakes),
      cmocka_unit_test(test_control_characters_stay_out_of_the_report),
      cmocka_unit_test(test_out_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

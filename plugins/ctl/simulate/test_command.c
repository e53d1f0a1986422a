/* SPDX-License-Identifier: MIT */
/* test_command: runs files of tests against the rules of a collectd.conf. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/file_util.h"
#include "ctl/check/config_files.h"
#include "ctl/check/lint.h"
#include "ctl/command.h"
#include "ctl/simulate/scenario.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)
#define PATH_BYTES 4096

enum { FLAG_CONFIG };

/* Fills TESTS; prints mistakes to standard output. */
static int read_test_file(const char *path, struct scenario_file *tests) {
  struct lint_report report = {.file = stdout};
  struct error error = {{0}};
  struct config_item root = {0};
  char *text = NULL;
  size_t bytes = 0;
  int code = file_read(path, FILE_BYTES_MAX, &text, &bytes, &error);
  if (code == 0) {
    code = config_text_parse(text, bytes, &root, &error);
    free(text);
    if (code != 0) {
      error_prefix(&error, "%s", path);
    }
  }
  if (code != 0) {
    (void)command_fail("%s", error.text);
    return code;
  }
  char name[] = "Plugin"; /* mistakes are reported without its name */
  root.key = name;
  code = lint_block(&scenario_file_block,
                    (struct config_files_place){path, &root}, "", &report);
  if (code == 0) {
    code = option_parse(&scenario_file_block, &root, tests, &error);
  }
  root.key = NULL;
  config_item_fini(&root);
  return code > 0 ? -EINVAL : code;
}

/* The configuration that the flag or the file names; a relative path in the
 * file is relative to the file. NULL where there is none. */
static const char *find_configuration(const struct command_line *line,
                                      const char *path,
                                      const struct scenario_file *tests,
                                      char *buffer, size_t bytes) {
  if (line->flags[FLAG_CONFIG] != NULL) {
    return line->flags[FLAG_CONFIG];
  }
  if (tests->configuration == NULL || tests->configuration[0] == '/') {
    return tests->configuration;
  }
  const char *slash = strrchr(path, '/');
  int length = slash == NULL ? 0 : (int)(slash - path + 1);
  (void)snprintf(buffer, bytes, "%.*s%s", length, path, tests->configuration);
  return buffer;
}

/* Runs all tests of a file and prints the result of each. */
static int run_scenarios(const struct scenario_file *tests,
                         const struct resource_alert_options *options,
                         int *failed, int *run) {
  const struct scenario *scenarios = tests->scenarios.items;
  for (size_t i = 0; i < tests->scenarios.len; i++) {
    char *unmet_text = NULL;
    size_t bytes = 0;
    struct error error = {{0}};
    FILE *memory = open_memstream(&unmet_text, &bytes);
    int unmet = memory == NULL
                    ? -ENOMEM
                    : scenario_run(&scenarios[i], options, memory, &error);
    if (memory != NULL) {
      (void)fclose(memory);
    }
    (void)printf("%s  %s\n%s", unmet == 0 ? "ok  " : "FAIL",
                 scenarios[i].head.label, unmet_text == NULL ? "" : unmet_text);
    free(unmet_text);
    (*run)++;
    *failed += unmet != 0 ? 1 : 0;
    if (unmet < 0) {
      return command_fail("%s: %s", scenarios[i].head.label, error.text);
    }
  }
  return COMMAND_OKAY;
}

/* Returns COMMAND_OKAY if the tests ran, whatever their results are. */
static int run_test_file(const struct command_line *line, const char *path,
                         int *failed, int *run) {
  struct scenario_file tests;
  struct resource_alert_options options;
  struct error error = {{0}};
  char buffer[PATH_BYTES];
  if (option_init(&scenario_file_block, &tests) != 0) {
    return command_fail("out of memory");
  }
  int result = COMMAND_UNKNOWN;
  if (read_test_file(path, &tests) == 0) {
    const char *configuration =
        find_configuration(line, path, &tests, buffer, sizeof(buffer));
    if (configuration == NULL) {
      (void)command_fail("%s: no rules to test: add Configuration \"PATH\" or "
                         "use --config PATH",
                         path);
    } else if (config_files_read_rules(configuration, &options, &error) != 0) {
      (void)command_fail("%s", error.text);
    } else {
      result = run_scenarios(&tests, &options, failed, run);
      option_fini(&resource_alert_options, &options);
    }
  }
  option_fini(&scenario_file_block, &tests);
  return result;
}

/* Goes on after a file that cannot be read, so that one mistake does not hide
 * the results of the other files. */
static int run_tests(const struct command_line *line) {
  int failed = 0;
  int count = 0;
  int result = COMMAND_OKAY;
  for (int i = 0; i < line->operands_len; i++) {
    int this = run_test_file(line, line->operands[i], &failed, &count);
    result = this != COMMAND_OKAY ? this : result;
  }
  (void)printf("%d test%s, %d failed\n", count, count == 1 ? "" : "s", failed);
  if (result != COMMAND_OKAY) {
    return result;
  }
  return failed == 0 ? COMMAND_OKAY : COMMAND_FAILURE;
}

const struct command test_command = {
    .name = "test",
    .operands = "FILE ...",
    .operands_min = 1,
    .operands_max = 1000,
    .summary = "run unit tests of rules and responses",
    .help =
        "A file of tests has collectd's syntax. The code of the plugin "
        "evaluates the readings on a simulated clock, so a simulated day takes "
        "less than a second. No action is taken; the simulation assumes that "
        "every action succeeds.\n\n"
        "  Configuration \"collectd.conf\"\n\n"
        "  <Test \"a pool fills up and empties again\">\n"
        "    Interval 10\n"
        "    <Series \"web1/dbpool-trading/percent-used\">\n"
        "      Values \"40x6 90x6\" \"40x12\"\n"
        "    </Series>\n"
        "    <At \"50s\">\n"
        "      Rule \"pool_used\" \"OKAY\"\n"
        "    </At>\n"
        "    <At \"80s\">\n"
        "      Rule \"pool_used\" \"WARNING\"\n"
        "    </At>\n"
        "    <At \"3m\">\n"
        "      Rule \"pool_used\" \"OKAY\"\n"
        "      Response \"degrade\" \"OFF\"\n"
        "    </At>\n"
        "  </Test>\n\n"
        "B<Values> lists one reading for each interval. C<80> is one reading, "
        "and C<80x5> is five equal readings. C<50+5x4> is four readings that "
        "rise by 5, and C<50-5x4> is four readings that fall by 5. C<nan> is a "
        "reading that is not a number. C<_> is an interval without a reading, "
        "and C<_x6> is six of them. B<Source> names the data source if it is "
        "not I<value>.\n\n"
        "The time of B<At> counts from the first interval. The expected states "
        "are those after the reading of this time. For rules on notifications, "
        "B<At> may also contain a notification that another plugin sends at "
        "this time: "
        "C<Notification \"failure\" \"web1/exec-backup\" \"disk full\">. Its "
        "words are the severity (I<failure>, I<warning> or I<okay>), the "
        "subject and the message.\n\n"
        "A path in B<Configuration> is relative to the file.\n\n"
        "Exit code: 0 if all states are as expected, 2 if some are not, 3 if a "
        "file cannot be read.",
    .flags = {[FLAG_CONFIG] =
                  {"config", "PATH",
                   "the collectd.conf with the rules, instead of the file's "
                   "Configuration"}},
    .run = run_tests,
};

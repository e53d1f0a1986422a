/* SPDX-License-Identifier: MIT */
/* scenario: one test of rules: readings by time, and the states expected.
 *
 * The option tables describe the file, so that its syntax, its checks and
 * its error messages are those of a collectd.conf. A test runs on a
 * simulator of its own: tests of one file do not influence each other. */
#include "ctl/simulate/scenario.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "ctl/command.h"
#include "ctl/simulate/notation.h"
#include "ctl/simulate/simulator.h"

#define START_MS (INT64_C(1600000000) * 1000) /* any time will do */
#define LENGTH_S_MAX (10 * 365 * 86400.0)
#define NOTIFICATION_WORDS 3 /* severity, subject, message */

/* ---- the options of a file of tests ---- */

/* For the option table; the name is read again when the test runs. */
static int check_series_label(const char *label, struct error *error) {
  struct reading_names unused;
  return notation_parse_series(label, &unused, error);
}

/* So that a mistake is reported with its line, before any test runs. */
static int check_values_text(const char *value, struct error *error) {
  struct notation_points unused = {0};
  int code = notation_parse_points(value, &unused, error);
  notation_points_fini(&unused);
  return code;
}

/* "0" is the time of the first reading; other durations are more than 0. */
static int check_moment_label(const char *label, struct error *error) {
  double unused;
  return strcmp(label, "0") == 0
             ? 0
             : command_parse_duration(label, &unused, error);
}

static int parse_severity(const char *word, enum notification_severity *ret,
                          struct error *error) {
  static const char *const words[] = {[NOTIFICATION_FAILURE] = "failure",
                                      [NOTIFICATION_WARNING] = "warning",
                                      [NOTIFICATION_OKAY] = "okay",
                                      NULL};
  int found = text_find_word(words, word);
  *ret = found < 0 ? NOTIFICATION_FAILURE : (enum notification_severity)found;
  return found >= 0 ? 0
                    : error_set(error, -EINVAL,
                                "Notification \"%s\": no such severity; write "
                                "failure, warning or okay",
                                word);
}

/* The lists are flat: option_parse() adds up the values of repeated lines. */
static int check_moment_block(const void *target, struct error *error) {
  const struct scenario_moment *moment = target;
  if (moment->rules.len % 2 != 0 || moment->responses.len % 2 != 0 ||
      moment->notifications.len % NOTIFICATION_WORDS != 0) {
    return error_set(error, -EINVAL,
                     "write Rule \"NAME\" \"STATE\", Response \"NAME\" "
                     "\"STATE\" and Notification \"SEVERITY\" "
                     "\"HOST/PLUGIN-INSTANCE/TYPE-INSTANCE\" \"MESSAGE\"");
  }
  for (size_t i = 1; i < moment->rules.len; i += 2) {
    enum alert_state unused;
    if (!alert_state_from_name(moment->rules.items[i], &unused)) {
      return error_set(error, -EINVAL,
                       "Rule \"%s\" \"%s\": no such state; write UNKNOWN, "
                       "OKAY, WARNING, FAILURE or MISSING",
                       moment->rules.items[i - 1], moment->rules.items[i]);
    }
  }
  for (size_t i = 1; i < moment->responses.len; i += 2) {
    enum response_state unused;
    if (!response_state_parse(moment->responses.items[i], &unused)) {
      return error_set(error, -EINVAL,
                       "Response \"%s\" \"%s\": no such state; write OFF, "
                       "ENGAGING, ENGAGED or RELEASING",
                       moment->responses.items[i - 1],
                       moment->responses.items[i]);
    }
  }
  int code = 0;
  for (size_t i = 0; i < moment->notifications.len && code == 0;
       i += NOTIFICATION_WORDS) {
    char *const *words = moment->notifications.items + i;
    enum notification_severity severity;
    struct reading_names names;
    code = parse_severity(words[0], &severity, error);
    if (code == 0) {
      code = notation_parse_subject(words[1], &names, error);
    }
  }
  return code;
}

static const struct option series_options[] = {
    {OPTION("Values", STRINGS, struct scenario_series, values),
     .is_required = true, .example = "\"40x6 90x3 _x2\"",
     .check = check_values_text, .help = "The readings, one an interval."},
    {OPTION("Source", STRING, struct scenario_series, source),
     .default_text = "value", .help = "The name of the data source."},
};

static const struct option_block series_block = {
    .name = "Series",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct scenario_series),
    OPTION_ROWS(series_options),
    .check_label = check_series_label,
    .help = "A series.",
};

static const struct option moment_options[] = {
    {OPTION("Rule", STRINGS, struct scenario_moment, rules),
     .help = "A rule and its state."},
    {OPTION("Response", STRINGS, struct scenario_moment, responses),
     .help = "A response and its state."},
    {OPTION("Notification", STRINGS, struct scenario_moment, notifications),
     .help = "A notification of another plugin."},
};

static const struct option_block moment_block = {
    .name = "At",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct scenario_moment),
    OPTION_ROWS(moment_options),
    .check_label = check_moment_label,
    .check = check_moment_block,
    .help = "A point in time.",
};

static const struct option scenario_options[] = {
    {OPTION("Interval", NUMBER, struct scenario, interval_s), .min = 0.1,
     .max = 86400, .unit = "seconds", .default_text = "10",
     .help = "Between two readings."},
    {OPTION("Series", BLOCK, struct scenario, series), .block = &series_block},
    {OPTION("At", BLOCK, struct scenario, moments), .block = &moment_block},
};

static const struct option_block scenario_block = {
    .name = "Test",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct scenario),
    OPTION_ROWS(scenario_options),
    .help = "A test.",
};

static const struct option file_options[] = {
    {OPTION("Configuration", STRING, struct scenario_file, configuration),
     .help = "The collectd.conf under test."},
    {OPTION("Test", BLOCK, struct scenario_file, scenarios),
     .block = &scenario_block},
};

const struct option_block scenario_file_block = {
    .name = "tests",
    .size = sizeof(struct scenario_file),
    OPTION_ROWS(file_options),
    .help = "A file of tests.",
};

/* ---- run a test ---- */

struct scenario_run_series {
  struct reading_names names;
  struct notation_points points;
};

struct scenario_run {
  const struct scenario *scenario;
  const struct resource_alert_options *options;
  struct simulator *simulator;
  struct scenario_run_series *series;
  FILE *file;
  int unmet;
};

/* For reading.type; the handle is the name of the data source. */
static void get_scenario_source(const void *handle, size_t index,
                                struct reading_source *ret_source) {
  (void)index;
  *ret_source = (struct reading_source){
      .kind = READING_GAUGE, .min = (double)NAN, .max = (double)NAN};
  (void)snprintf(ret_source->name, sizeof(ret_source->name), "%s",
                 (const char *)handle);
}

/* The reading of series number INDEX at that step. */
static void add_scenario_reading(struct scenario_run *run, size_t index,
                                 size_t step, int64_t at_ms) {
  const struct scenario_series *series = run->scenario->series.items;
  const struct reading reading = {
      .names = &run->series[index].names,
      .type = {.handle = series[index].source, .describe = get_scenario_source},
      .time_ns = at_ms * 1000000,
      .interval_ns = (int64_t)(run->scenario->interval_s * 1e9),
      .values_len = 1,
      .values = &run->series[index].points.items[step].value,
  };
  simulator_take_reading(run->simulator, &reading);
}

/* ---- moments ---- */

/* "0", which is no duration, leaves 0. */
static double parse_moment_s(const struct scenario_moment *moment) {
  double seconds = 0;
  (void)command_parse_duration(moment->head.label, &seconds, NULL);
  return seconds;
}

/* The state of the rule or of the response with that name; NULL where there is
 * none. */
static const char *find_rule_state(const struct scenario_run *run,
                                   const char *name) {
  const struct rules *rules = simulator_rules(run->simulator);
  for (size_t i = 0; i < rules->len; i++) {
    if (strcmp(rules->items[i].name, name) == 0) {
      return alert_state_name(rule_worst_state(&rules->items[i]));
    }
  }
  return NULL;
}

static const char *find_response_state(const struct scenario_run *run,
                                       const char *name) {
  const struct option_blocks *blocks = &run->options->responses.responses;
  const struct response_options *responses = blocks->items;
  for (size_t i = 0; i < blocks->len; i++) {
    if (strcmp(responses[i].head.label, name) == 0) {
      return response_state_name(simulator_response_state(run->simulator, i));
    }
  }
  return NULL;
}

/* words: name, state, name, state ... Prints each expectation that is not
 * met. */
static void check_expected_states(
    struct scenario_run *run, const struct scenario_moment *moment,
    const char *what, const struct option_strings *words,
    const char *(*find_state)(const struct scenario_run *, const char *name)) {
  for (size_t i = 0; i + 1 < words->len; i += 2) {
    const char *name = words->items[i];
    const char *wanted = words->items[i + 1];
    const char *found = find_state(run, name);
    if (found == NULL || strcmp(found, wanted) != 0) {
      run->unmet++;
      (void)fprintf(run->file, "  at %s: %s \"%s\": %s expected, %s%s found\n",
                    moment->head.label, what, name, wanted,
                    found == NULL ? "no such " : "",
                    found == NULL ? what : found);
    }
  }
}

/* The words were checked when the file was read. */
static void add_notification(struct scenario_run *run, char *const *words) {
  struct reading_names names = {.host = ""};
  struct notification notification = {.message = words[2]};
  (void)parse_severity(words[0], &notification.severity, NULL);
  (void)notation_parse_subject(words[1], &names, NULL);
  notification.host = names.host;
  notification.plugin = names.plugin;
  notification.plugin_instance = names.plugin_instance;
  notification.type = names.type;
  notification.type_instance = names.type_instance;
  simulator_take_notification(run->simulator, &notification);
}

/* Notifications come before the states that they are expected to cause. */
static void run_moment(struct scenario_run *run,
                       const struct scenario_moment *moment) {
  const struct option_strings *notifications = &moment->notifications;
  for (size_t i = 0; i < notifications->len; i += NOTIFICATION_WORDS) {
    add_notification(run, notifications->items + i);
  }
  check_expected_states(run, moment, "rule", &moment->rules, find_rule_state);
  check_expected_states(run, moment, "response", &moment->responses,
                        find_response_state);
}

/* Runs the moments from FROM_MS on and before UNTIL_MS, by time: in the file
 * they may be in any order. */
static void run_moments(struct scenario_run *run, int64_t from_ms,
                        int64_t until_ms) {
  const struct scenario_moment *moments = run->scenario->moments.items;
  for (int64_t next_ms; from_ms < until_ms; from_ms = next_ms) {
    next_ms = until_ms;
    for (size_t i = 0; i < run->scenario->moments.len; i++) {
      int64_t at_ms = (int64_t)(parse_moment_s(&moments[i]) * 1000);
      if (at_ms == from_ms) {
        simulator_advance(run->simulator, START_MS + at_ms);
        run_moment(run, &moments[i]);
      } else if (at_ms > from_ms && at_ms < next_ms) {
        next_ms = at_ms;
      }
    }
  }
}

/* The length of the longest series. */
static size_t count_steps(const struct scenario_run *run) {
  size_t longest = 1;
  for (size_t i = 0; i < run->scenario->series.len; i++) {
    size_t len = run->series[i].points.len;
    longest = len > longest ? len : longest;
  }
  return longest;
}

/* Moments between two readings run before the later one; those after the last
 * reading run with the clock going on without readings. */
static void play_readings(struct scenario_run *run) {
  size_t longest = count_steps(run);
  double interval_ms = run->scenario->interval_s * 1000;
  for (size_t step = 0; step < longest; step++) {
    int64_t at_ms = (int64_t)((double)step * interval_ms);
    simulator_advance(run->simulator, START_MS + at_ms);
    for (size_t i = 0; i < run->scenario->series.len; i++) {
      const struct notation_points *points = &run->series[i].points;
      if (step < points->len && points->items[step].has_value) {
        add_scenario_reading(run, i, step, START_MS + at_ms);
      }
    }
    bool is_last = step + 1 == longest;
    run_moments(run, at_ms,
                is_last ? INT64_MAX
                        : (int64_t)((double)(step + 1) * interval_ms));
  }
}

/* The limit of ten years keeps the times, in nanoseconds, within 64 bits. */
static int parse_scenario_series(struct scenario_run *run,
                                 struct error *error) {
  const struct scenario_series *series = run->scenario->series.items;
  run->series = calloc(run->scenario->series.len + 1, sizeof(*run->series));
  int code = 0;
  if (run->series == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  for (size_t i = 0; i < run->scenario->series.len && code == 0; i++) {
    code = notation_parse_series(series[i].head.label, &run->series[i].names,
                                 error);
    for (size_t j = 0; j < series[i].values.len && code == 0; j++) {
      code = notation_parse_points(series[i].values.items[j],
                                   &run->series[i].points, error);
    }
  }
  if (code == 0 &&
      (double)count_steps(run) * run->scenario->interval_s > LENGTH_S_MAX) {
    code = error_set(error, -EINVAL, "the test lasts more than ten years");
  }
  return code;
}

int scenario_run(const struct scenario *scenario,
                 const struct resource_alert_options *options, FILE *file,
                 struct error *error) {
  struct scenario_run run = {
      .scenario = scenario, .options = options, .file = file};
  const struct simulator_listener listener = {0};
  int code = parse_scenario_series(&run, error);
  if (code == 0) {
    code = simulator_new(options, START_MS - 1000, &listener, &run.simulator,
                         error);
  }
  if (code == 0) {
    play_readings(&run);
  }
  simulator_free(run.simulator);
  for (size_t i = 0; run.series != NULL && i < scenario->series.len; i++) {
    notation_points_fini(&run.series[i].points);
  }
  free(run.series);
  return code == 0 ? run.unmet : code;
}

/* SPDX-License-Identifier: MIT */
/* replay: runs rules and responses over recorded data and prints what they
 * would have done. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/text.h"
#include "ctl/check/config_files.h"
#include "ctl/check/types_db.h"
#include "ctl/command.h"
#include "ctl/simulate/csv_recording.h"
#include "ctl/simulate/report.h"
#include "ctl/simulate/simulator.h"
#include "ctl/terminal.h"

#define STOCK_TYPES "/usr/share/collectd/types.db"
#define OUR_TYPES "/usr/share/collectd-resource-alert/types.db"
#define SHORT_DEFAULT_S 300

enum { FLAG_CONFIG, FLAG_TYPES, FLAG_RATES, FLAG_EVENTS, FLAG_SHORT };

/* What to replay. All borrowed. */
struct replay_input {
  const char *directory;
  const struct types_db *types; /* NULL: the values are rates */
  const struct resource_alert_options *options;
  int64_t short_ms;
  bool prints_events;
};

struct replay_result {
  struct report report;
  struct simulator *simulator; /* knows the names of the rules */
  struct csv_recording_counts counts;
  int64_t first_ms, last_ms;
};

/* What the simulator's listener needs. */
struct replay_events {
  const struct replay_input *input;
  struct report *report;
};

/* ---- events ---- */

static void format_local_time(int64_t at_ms, char *text, size_t bytes) {
  time_t at_s = (time_t)(at_ms / 1000);
  struct tm local;
  (void)localtime_r(&at_s, &local);
  (void)strftime(text, bytes, "%F %T", &local);
}

static void print_event_time(int64_t at_ms) {
  char text[32];
  format_local_time(at_ms, text, sizeof(text));
  (void)printf("%s  ", text);
}

static void on_simulated_alert(void *context, int64_t at_ms,
                               const struct alert_event *event) {
  const struct replay_events *events = context;
  report_add_alert(events->report, at_ms, event);
  bool is_first =
      event->change.from == ALERT_UNKNOWN && event->change.to == ALERT_OKAY;
  if (!events->input->prints_events || is_first) {
    return;
  }
  char verdict[1024];
  alert_event_format(event, verdict, sizeof(verdict));
  text_blank_controls(verdict);
  print_event_time(at_ms);
  (void)printf("%s\n", verdict);
}

static const char *response_name_at(const struct resource_alert_options *all,
                                    size_t response) {
  const struct response_options *responses = all->responses.responses.items;
  return responses[response].head.label;
}

static void on_simulated_response(void *context, int64_t at_ms, size_t response,
                                  enum response_state from,
                                  enum response_state to) {
  const struct replay_events *events = context;
  report_add_response(events->report, at_ms, response, to);
  if (events->input->prints_events) {
    print_event_time(at_ms);
    (void)printf("response \"%s\": %s -> %s\n",
                 response_name_at(events->input->options, response),
                 response_state_name(from), response_state_name(to));
  }
}

static void on_simulated_action(void *context, int64_t at_ms, size_t response,
                                const char *action, bool is_on) {
  const struct replay_events *events = context;
  report_add_action(events->report, at_ms, response, action, is_on);
  if (events->input->prints_events) {
    print_event_time(at_ms);
    (void)printf("response \"%s\": %s %s\n",
                 response_name_at(events->input->options, response), action,
                 is_on ? "on" : "off");
  }
}

/* ---- the replay ---- */

static void free_replay_result(struct replay_result *result) {
  report_fini(&result->report);
  simulator_free(result->simulator);
}

static int replay_recording(const struct replay_input *input,
                            struct csv_recording *recording,
                            struct replay_result *result, struct error *error) {
  struct csv_recording_reading next;
  if (!csv_recording_next(recording, &next)) {
    return error_set(error, -ENODATA, "%s has no readings", input->directory);
  }
  struct replay_events events = {input, &result->report};
  const struct simulator_listener listener = {
      on_simulated_alert, on_simulated_response, on_simulated_action, &events};
  result->first_ms = next.at_ms;
  int code = simulator_new(input->options, next.at_ms - 1000, &listener,
                           &result->simulator, error);
  if (code != 0) {
    return code;
  }
  if (report_init(&result->report, simulator_rules(result->simulator)->len,
                  input->options->responses.responses.len,
                  input->short_ms) != 0) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  do {
    simulator_advance(result->simulator, next.at_ms);
    simulator_add_reading(result->simulator, &next.reading);
    result->last_ms = next.at_ms;
  } while (csv_recording_next(recording, &next));
  report_end(&result->report, result->last_ms);
  csv_recording_get_counts(recording, &result->counts);
  return 0;
}

/* Returns 0 with *ret yours, free_replay_result(); or negative errno. */
static int run_replay_input(const struct replay_input *input,
                            struct replay_result *ret, struct error *error) {
  *ret = (struct replay_result){.first_ms = 0};
  struct csv_recording *recording = NULL;
  int code =
      csv_recording_open(input->directory, input->types, &recording, error);
  if (code == 0) {
    code = replay_recording(input, recording, ret, error);
  }
  csv_recording_close(recording);
  if (code != 0) {
    free_replay_result(ret);
  }
  return code;
}

/* ---- the result ---- */

static void print_replay_range(const struct replay_result *result,
                               int64_t took_ms) {
  char from[32], until[32];
  format_local_time(result->first_ms, from, sizeof(from));
  format_local_time(result->last_ms, until, sizeof(until));
  (void)printf("%s to %s: %zu series, %llu readings, in %.1f s\n", from, until,
               result->counts.series,
               (unsigned long long)result->counts.readings,
               (double)took_ms / 1000);
  if (result->counts.bad_lines > 0) {
    (void)printf("ignored: %llu line(s) that are not a reading\n",
                 (unsigned long long)result->counts.bad_lines);
  }
}

static void print_replay_rules(const struct replay_result *result) {
  (void)printf("\n%-18s %7s %9s %6s %9s %8s  %-14s %s\n", "RULE", "SERIES",
               "EPISODES", "SHORT", "FAILURES", "MISSING", "TOTAL", "LONGEST");
  for (size_t i = 0; i < result->report.rules_len; i++) {
    const struct report_rule *rule = &result->report.rules[i];
    char total[48], longest[48];
    terminal_format_age((double)rule->total_ms / 1000, total, sizeof(total));
    terminal_format_age((double)rule->longest_ms / 1000, longest,
                        sizeof(longest));
    (void)printf("%-18.18s %7zu %9llu %6llu %9llu %8llu  %-14s %s\n",
                 simulator_rules(result->simulator)->items[i].name,
                 simulator_series_max(result->simulator, i),
                 (unsigned long long)rule->episodes,
                 (unsigned long long)rule->flaps,
                 (unsigned long long)rule->failures,
                 (unsigned long long)rule->missing, total, longest);
  }
}

static void print_time_on(const char *name, int indent,
                          const struct report_time_on *on) {
  char total[48];
  terminal_format_age((double)on->total_ms / 1000, total, sizeof(total));
  (void)printf("%*s%-*s %8llu  %s\n", indent, "", 40 - indent, name,
               (unsigned long long)on->times, total);
}

/* Prints each response, and below it its actions. */
static void print_replay_responses(const struct resource_alert_options *options,
                                   const struct replay_result *result) {
  if (result->report.responses_len > 0) {
    (void)printf("\n%-40s %8s  %s\n", "RESPONSE", "ENGAGED", "TOTAL");
  }
  for (size_t i = 0; i < result->report.responses_len; i++) {
    const struct report_response *response = &result->report.responses[i];
    print_time_on(response_name_at(options, i), 0, &response->engaged);
    for (size_t j = 0; j < response->actions_len; j++) {
      print_time_on(response->actions[j].name, 2, &response->actions[j].on);
    }
  }
}

/* ---- the command ---- */

/* Reads the files that the flag names, or those that are installed. */
static int read_types(const char *paths, struct types_db *types,
                      struct error *error) {
  if (paths == NULL) {
    (void)types_db_read(types, OUR_TYPES, NULL); /* may not be installed */
    return types_db_read(types, STOCK_TYPES, error);
  }
  char *copy = strdup(paths);
  char *state = NULL;
  int code = 0;
  for (char *path = copy == NULL ? NULL : strtok_r(copy, ":", &state);
       path != NULL && code == 0; path = strtok_r(NULL, ":", &state)) {
    code = types_db_read(types, path, error);
  }
  free(copy);
  return code;
}

static int replay_and_print(const struct replay_input *input,
                            struct error *error) {
  struct replay_result result;
  int64_t start_ms = clock_monotonic_ms();
  int code = run_replay_input(input, &result, error);
  if (code != 0) {
    return code;
  }
  print_replay_range(&result, clock_monotonic_ms() - start_ms);
  print_replay_rules(&result);
  print_replay_responses(input->options, &result);
  free_replay_result(&result);
  return 0;
}

static int run_replay(const struct command_line *line) {
  struct error error = {{0}};
  struct types_db types = {0};
  struct resource_alert_options options;
  double short_s = SHORT_DEFAULT_S;
  const char *config = line->flags[FLAG_CONFIG] == NULL
                           ? "/etc/collectd/collectd.conf"
                           : line->flags[FLAG_CONFIG];
  if (!command_get_duration(line, FLAG_SHORT, &short_s)) {
    return COMMAND_UNKNOWN;
  }
  int code = config_files_read_rules(config, &options, &error);
  if (code == 0) {
    bool has_rates = line->flags[FLAG_RATES] != NULL;
    code = has_rates ? 0 : read_types(line->flags[FLAG_TYPES], &types, &error);
    const struct replay_input input = {
        .directory = line->operands[0],
        .types = has_rates ? NULL : &types,
        .options = &options,
        .short_ms = (int64_t)(short_s * 1000),
        .prints_events = line->flags[FLAG_EVENTS] != NULL,
    };
    if (code == 0) {
      code = replay_and_print(&input, &error);
    }
    option_fini(&resource_alert_options, &options);
  }
  types_db_fini(&types);
  return code == 0 ? COMMAND_OKAY : command_fail("%s", error.text);
}

const struct command replay_command = {
    .name = "replay",
    .operands = "DIRECTORY",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "run rules and responses over recorded data",
    .help =
        "I<DIRECTORY> is the B<DataDir> of collectd's csv plugin. The code of "
        "the plugin evaluates the recorded readings on a simulated clock. The "
        "command prints how often and for how long each rule would have fired, "
        "which responses would have engaged, and which actions they would have "
        "taken.\n\n"
        "No action is taken. The simulation assumes that every action succeeds "
        "immediately and changes no reading. A gap in the data counts as a "
        "series that stopped.\n\n"
        "An episode is the time from leaving OKAY to returning to OKAY. A "
        "short episode is a flap. By default counters are read as totals, as "
        "the csv plugin stores them by default; with B<--rates> they are read "
        "as rates. F<types.db> defines the kind of each value.\n\n"
        "Exit code: 0, or 3 if the data or the rules cannot be read.",
    .flags =
        {[FLAG_CONFIG] = {"config", "PATH",
                          "the collectd.conf with the rules (default: "
                          "/etc/collectd/collectd.conf)"},
         [FLAG_TYPES] = {"types", "PATH[:PATH]",
                         "types.db files, which define the types of the values "
                         "(default: the installed files)"},
         [FLAG_RATES] = {"rates", NULL,
                         "the csv files contain rates (StoreRates true)"},
         [FLAG_EVENTS] = {"events", NULL,
                          "print each change, not only the sums"},
         [FLAG_SHORT] = {"short", "DURATION",
                         "an episode that is shorter than this is a flap "
                         "(default: 5m)"}},
    .run = run_replay,
};

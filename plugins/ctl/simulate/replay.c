/* SPDX-License-Identifier: MIT */
/* replay: runs rules and responses over recorded data and prints what they
 * would have done.
 *
 * Readings, responses and actions are numbered and named as in the
 * configuration; the simulator calls back for each change, which is counted
 * and, with --events, printed at once. */
#include <errno.h>
#include <stdarg.h>
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

#define STOCK_TYPES "/usr/share/collectd/types.db"
#define OUR_TYPES "/usr/share/collectd-resource-alert/types.db"
#define SHORT_DEFAULT_S 300
#define NS_PER_MS 1000000

enum { FLAG_CONFIG, FLAG_TYPES, FLAG_RATES, FLAG_EVENTS, FLAG_SHORT };

/* One run of the command. */
struct replay {
  struct resource_alert_options options;
  struct csv_recording *recording;
  struct simulator *simulator;
  struct report report;
  int64_t first_ms, last_ms; /* of the readings, since the epoch */
  bool prints_events;
};

/* ---- events ---- */

/* In the local time zone, as collectd's csv plugin names its files. */
static void format_local_time(int64_t at_ms, char *text, size_t bytes) {
  time_t at_s = (time_t)(at_ms / 1000);
  struct tm local;
  (void)localtime_r(&at_s, &local);
  (void)strftime(text, bytes, "%F %T", &local);
}

/* Prints one line with the time where --events is given. */
__attribute__((format(printf, 3, 4))) static void
print_replay_event(const struct replay *replay, int64_t at_ms,
                   const char *format, ...) {
  if (replay->prints_events) {
    char time_text[32];
    va_list arguments;
    format_local_time(at_ms, time_text, sizeof(time_text));
    (void)printf("%s  ", time_text);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)fputc('\n', stdout);
  }
}

/* The first reading of a series that is OKAY is counted, but not printed: a
 * recording may have thousands of series. */
static void on_simulated_alert(void *context, int64_t at_ms,
                               const struct alert_event *event) {
  struct replay *replay = context;
  report_add_alert(&replay->report, at_ms, event);
  if (event->change.from != ALERT_UNKNOWN || event->change.to != ALERT_OKAY) {
    char verdict[1024];
    alert_event_format(event, verdict, sizeof(verdict));
    text_blank_controls(verdict);
    print_replay_event(replay, at_ms, "%s", verdict);
  }
}

/* The simulator numbers responses as they stand in the configuration. */
static const char *get_response_name(const struct replay *replay,
                                     size_t response) {
  const struct response_options *responses =
      replay->options.responses.responses.items;
  return responses[response].head.label;
}

static void on_simulated_response(void *context, int64_t at_ms, size_t response,
                                  enum response_state from,
                                  enum response_state to) {
  struct replay *replay = context;
  report_add_response(&replay->report, at_ms, response, to);
  print_replay_event(replay, at_ms, "response \"%s\": %s -> %s",
                     get_response_name(replay, response),
                     response_state_name(from), response_state_name(to));
}

static void on_simulated_action(void *context, int64_t at_ms, size_t response,
                                const char *action, bool is_on) {
  struct replay *replay = context;
  report_add_action(&replay->report, at_ms, response, action, is_on);
  print_replay_event(replay, at_ms, "response \"%s\": %s %s",
                     get_response_name(replay, response), action,
                     is_on ? "on" : "off");
}

static void on_forbidden(void *context, int64_t at_ms, size_t response,
                         const char *rule) {
  struct replay *replay = context;
  print_replay_event(replay, at_ms,
                     "response \"%s\": goes no step further: Unless \"%s\"",
                     get_response_name(replay, response), rule);
}

static void on_blocked(void *context, int64_t at_ms, size_t response,
                       const char *action, const char *cause) {
  struct replay *replay = context;
  report_add_blocked(&replay->report, response, action);
  print_replay_event(replay, at_ms, "response \"%s\": %s is blocked: %s",
                     get_response_name(replay, response), action, cause);
}

/* ---- the replay ---- */

/* The clock starts a second before the first reading, so that time passes
 * before each reading. */
static int play_recording(struct replay *replay, const char *directory,
                          int64_t short_ms, struct error *error) {
  const struct simulator_listener listener = {
      on_simulated_alert,  on_simulated_response,
      on_simulated_action, on_forbidden,
      on_blocked,          replay};
  struct reading next;
  if (!csv_recording_read_next(replay->recording, &next)) {
    return error_set(error, -ENODATA, "%s has no readings", directory);
  }
  replay->first_ms = next.time_ns / NS_PER_MS;
  int code = simulator_new(&replay->options, replay->first_ms - 1000, &listener,
                           &replay->simulator, error);
  if (code != 0) {
    return code;
  }
  if (report_init(&replay->report, simulator_rules(replay->simulator)->len,
                  replay->options.responses.responses.len, short_ms) != 0) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  do {
    replay->last_ms = next.time_ns / NS_PER_MS;
    simulator_advance(replay->simulator, replay->last_ms);
    simulator_take_reading(replay->simulator, &next);
  } while (csv_recording_read_next(replay->recording, &next));
  report_end_episodes(&replay->report, replay->last_ms);
  return 0;
}

/* ---- the result ---- */

/* What was replayed, so that a wrong directory is noticed. */
static void print_replay_range(const struct replay *replay, int64_t took_ms) {
  const struct csv_recording_counts *counts =
      csv_recording_counts(replay->recording);
  char from[32], until[32];
  format_local_time(replay->first_ms, from, sizeof(from));
  format_local_time(replay->last_ms, until, sizeof(until));
  (void)printf("%s to %s: %zu series, %llu readings, in %.1f s\n", from, until,
               counts->series, (unsigned long long)counts->readings,
               (double)took_ms / 1000);
  if (counts->bad_lines > 0) {
    (void)printf("ignored: %llu line(s) that are not a reading\n",
                 (unsigned long long)counts->bad_lines);
  }
}

/* A rule without an episode is printed as well: that it never fired is a
 * result. */
static void print_replay_rules(const struct replay *replay) {
  (void)printf("\n%-18s %7s %9s %6s %9s %8s  %-14s %s\n", "RULE", "SERIES",
               "EPISODES", "SHORT", "FAILURES", "MISSING", "TOTAL", "LONGEST");
  for (size_t i = 0; i < replay->report.rules_len; i++) {
    const struct report_rule *rule = &replay->report.rules[i];
    char total[48], longest[48];
    text_format_duration((double)rule->total_ms / 1000, total, sizeof(total));
    text_format_duration((double)rule->longest_ms / 1000, longest,
                         sizeof(longest));
    (void)printf("%-18.18s %7zu %9llu %6llu %9llu %8llu  %-14s %s\n",
                 simulator_rules(replay->simulator)->items[i].name,
                 simulator_series_max(replay->simulator, i),
                 (unsigned long long)rule->episodes,
                 (unsigned long long)rule->flaps,
                 (unsigned long long)rule->failures,
                 (unsigned long long)rule->missing, total, longest);
  }
}

/* Actions are indented below their response, in the same columns. */
static void print_time_on(const char *name, int indent,
                          const struct report_time_on *on) {
  char total[48];
  text_format_duration((double)on->total_ms / 1000, total, sizeof(total));
  (void)printf("%*s%-*s %8llu  %s\n", indent, "", 40 - indent, name,
               (unsigned long long)on->times, total);
}

/* Prints each response, and below it its actions. */
static void print_replay_responses(const struct replay *replay) {
  if (replay->report.responses_len > 0) {
    (void)printf("\n%-40s %8s  %s\n", "RESPONSE", "ENGAGED", "TOTAL");
  }
  for (size_t i = 0; i < replay->report.responses_len; i++) {
    const struct report_response *response = &replay->report.responses[i];
    print_time_on(get_response_name(replay, i), 0, &response->engaged);
    for (size_t j = 0; j < response->actions_len; j++) {
      print_time_on(response->actions[j].name, 2, &response->actions[j].on);
      if (response->actions[j].blocked > 0) {
        (void)printf("    blocked %llu time(s) by the room of its pool\n",
                     (unsigned long long)response->actions[j].blocked);
      }
    }
  }
}

/* ---- the command ---- */

/* Reads the files that the flag names, or those that are installed. */
static int read_types_db_files(const char *paths, struct types_db *types,
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

/* Everything that was not opened is zero, which each fini accepts. */
static int run_replay(const struct command_line *line) {
  struct error error = {{0}};
  struct types_db types = {0};
  struct replay replay = {.prints_events = line->flags[FLAG_EVENTS] != NULL};
  double short_s = SHORT_DEFAULT_S;
  const char *config = line->flags[FLAG_CONFIG] == NULL
                           ? "/etc/collectd/collectd.conf"
                           : line->flags[FLAG_CONFIG];
  bool has_rates = line->flags[FLAG_RATES] != NULL;
  if (!command_parse_duration_flag(line, FLAG_SHORT, &short_s)) {
    return COMMAND_UNKNOWN;
  }
  int code = config_files_read_rules(config, &replay.options, &error);
  if (code != 0) {
    return command_fail("%s", error.text);
  }
  int64_t start_ms = clock_monotonic_ms();
  code = has_rates
             ? 0
             : read_types_db_files(line->flags[FLAG_TYPES], &types, &error);
  if (code == 0) {
    code = csv_recording_open(line->operands[0], has_rates ? NULL : &types,
                              &replay.recording, &error);
  }
  if (code == 0) {
    code = play_recording(&replay, line->operands[0], (int64_t)(short_s * 1000),
                          &error);
  }
  if (code == 0) {
    print_replay_range(&replay, clock_monotonic_ms() - start_ms);
    print_replay_rules(&replay);
    print_replay_responses(&replay);
  }
  report_fini(&replay.report);
  simulator_free(replay.simulator);
  csv_recording_close(replay.recording);
  types_db_fini(&types);
  option_fini(&resource_alert_options, &replay.options);
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

/* SPDX-License-Identifier: MIT */
/* replay_command: a table over recorded data, and what it would have done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/check/configured.h"
#include "ctl/check/types_db.h"
#include "ctl/command.h"
#include "ctl/duration.h"
#include "ctl/simulate/replay.h"
#include "ctl/simulate/suggest.h"
#include "ctl/terminal.h"

#define STOCK_TYPES "/usr/share/collectd/types.db"
#define OUR_TYPES "/usr/share/collectd-resource-alert/types.db"

enum {
  FLAG_CONFIG,
  FLAG_TYPES,
  FLAG_RATES,
  FLAG_PREFIX,
  FLAG_EVENTS,
  FLAG_SHORT,
  FLAG_SUGGEST
};

static void format_day(int64_t at_ms, char *text, size_t bytes) {
  time_t at_s = (time_t)(at_ms / 1000);
  struct tm local;
  (void)localtime_r(&at_s, &local);
  (void)strftime(text, bytes, "%F %T", &local);
}

static void print_head(const struct replay_result *result, int64_t took_ms) {
  char from[32], until[32];
  const struct record_counts *counts = &result->counts;
  format_day(result->first_ms, from, sizeof(from));
  format_day(result->last_ms, until, sizeof(until));
  (void)printf("%s to %s: %zu series, %llu readings, in %.1f s\n", from, until,
               counts->series, (unsigned long long)counts->readings,
               (double)took_ms / 1000);
  if (counts->bad_lines > 0) {
    (void)printf("passed over: %llu line(s) that are no reading\n",
                 (unsigned long long)counts->bad_lines);
  }
  if (counts->cut_files > 0) {
    (void)printf("passed over: %llu whisper file(s) that end too early\n",
                 (unsigned long long)counts->cut_files);
  }
  if (counts->foreign_targets > 0) {
    (void)printf("passed over: %llu target(s) that are no series of collectd\n",
                 (unsigned long long)counts->foreign_targets);
  }
}

static void print_rules(const struct replay_result *result) {
  (void)printf("\n%-18s %7s %9s %6s %9s %8s  %-14s %s\n", "ROW", "SERIES",
               "EPISODES", "SHORT", "FAILURES", "MISSING", "IN ALL", "LONGEST");
  for (size_t i = 0; i < result->tally.rules_len; i++) {
    const struct tally_rule *rule = &result->tally.rules[i];
    char total[48], longest[48];
    terminal_format_age((double)rule->total_ms / 1000, total, sizeof(total));
    terminal_format_age((double)rule->longest_ms / 1000, longest,
                        sizeof(longest));
    (void)printf("%-18.18s %7zu %9llu %6llu %9llu %8llu  %-14s %s\n",
                 result->rules[i].name, result->rules[i].series,
                 (unsigned long long)rule->episodes,
                 (unsigned long long)rule->flaps,
                 (unsigned long long)rule->failures,
                 (unsigned long long)rule->missing, total, longest);
  }
}

static void print_switch(const char *name, int indent,
                         const struct tally_switch *one) {
  char total[48];
  terminal_format_age((double)one->total_ms / 1000, total, sizeof(total));
  (void)printf("%*s%-*s %8llu  %s\n", indent, "", 40 - indent, name,
               (unsigned long long)one->times, total);
}

/* Each response, and below it what it would have done. */
static void print_responses(const struct resource_alert_options *options,
                            const struct replay_result *result) {
  const struct response_options *responses = options->responses.responses.items;
  if (result->tally.responses_len > 0) {
    (void)printf("\n%-40s %8s  %s\n", "RESPONSE", "ENGAGED", "IN ALL");
  }
  for (size_t i = 0; i < result->tally.responses_len; i++) {
    const struct tally_response *one = &result->tally.responses[i];
    print_switch(responses[i].head.label, 0, &one->engaged);
    for (size_t j = 0; j < one->actions_len; j++) {
      print_switch(one->actions[j].name, 2, &one->actions[j].on);
    }
  }
}

/* The files that the flag names, or those that are installed. */
static int read_types(const struct command_line *line, struct types_db *types,
                      struct error *error) {
  const char *paths = line->flags[FLAG_TYPES];
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

static int replay(const struct command_line *line, struct replay_wish *wish,
                  struct resource_alert_options *options, struct error *error) {
  struct replay_result result;
  int64_t start_ms = clock_monotonic_ms();
  int code = replay_run(wish, &result, error);
  if (code != 0) {
    return code;
  }
  print_head(&result, clock_monotonic_ms() - start_ms);
  print_rules(&result);
  print_responses(options, &result);
  if (line->flags[FLAG_SUGGEST] != NULL) {
    code = suggest_print(wish, options, &result, error);
  }
  replay_result_fini(&result);
  return code;
}

static int run(const struct command_line *line) {
  struct error error = {{0}};
  struct types_db types = {0};
  struct resource_alert_options options;
  double short_s = 300;
  const char *config = line->flags[FLAG_CONFIG] == NULL
                           ? "/etc/collectd/collectd.conf"
                           : line->flags[FLAG_CONFIG];
  if (line->flags[FLAG_SHORT] != NULL &&
      duration_parse(line->flags[FLAG_SHORT], &short_s, &error) != 0) {
    return command_fail("replay: --short %s", error.text);
  }
  int code = configured_read(config, &options, &error);
  if (code == 0) {
    bool has_rates = line->flags[FLAG_RATES] != NULL;
    code = has_rates ? 0 : read_types(line, &types, &error);
    struct replay_wish wish = {
        .place = {.path = line->operands[0],
                  .types = has_rates ? NULL : &types,
                  .prefix = line->flags[FLAG_PREFIX] == NULL
                                ? "collectd."
                                : line->flags[FLAG_PREFIX]},
        .options = &options,
        .short_ms = (int64_t)(short_s * 1000),
        .tells_events = line->flags[FLAG_EVENTS] != NULL,
        .has_progress = isatty(STDERR_FILENO) == 1,
    };
    if (code == 0) {
      code = replay(line, &wish, &options, &error);
    }
    configured_fini(&options);
  }
  types_db_fini(&types);
  return code == 0 ? COMMAND_OKAY : command_fail("%s", error.text);
}

static const struct command_flag flags[] = {
    [FLAG_CONFIG] = {"config", "PATH",
                     "the collectd.conf with the table (default: "
                     "/etc/collectd/collectd.conf)"},
    [FLAG_TYPES] = {"types", "PATH[:PATH]",
                    "types.db files, for the kinds of the csv's values "
                    "(default: the installed ones)"},
    [FLAG_RATES] = {"rates", NULL,
                    "the csv plugin stored rates (StoreRates true)"},
    [FLAG_PREFIX] = {"prefix", "TEXT",
                     "what stands before the host in the targets of JSON "
                     "(default: \"collectd.\")"},
    [FLAG_EVENTS] = {"events", NULL, "tell each change, not only the sums"},
    [FLAG_SHORT] = {"short", "DURATION",
                    "an episode that ends sooner is a flap (default: 5m)"},
    [FLAG_SUGGEST] = {"suggest", NULL,
                      "also tell which For or Hysteresis would have removed "
                      "the flaps"},
};

const struct command replay_command = {
    .name = "replay",
    .operands = "DIRECTORY|FILE",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "run a table and its responses over recorded data",
    .help =
        "I<DIRECTORY> is the B<DataDir> of collectd's csv plugin, or the "
        "directory below which Graphite keeps I<HOST>/I<PLUGIN>/I<TYPE>.wsp; "
        "of a whisper file the finest archive is read. I<FILE> is what "
        "Graphite "
        "answers to C</render?format=json&target=...>, for those who cannot "
        "reach its disk. The plugin's own code "
        "judges the readings on a clock that follows them: what would have "
        "fired, how often and for how long, which responses would have "
        "engaged, switched and scaled. Nothing is done, and every act is taken "
        "to succeed at once and to change no reading. "
        "Holes in the data are what they would have been: a series that "
        "stopped.\n\n"
        "An episode is the time from leaving OKAY to being back; a short one "
        "is a flap. Without B<--rates>, counters are read as the csv plugin "
        "stores them by default, as totals; the kind of each value comes from "
        "F<types.db>.\n\n"
        "Exit code: 0, or 3 where the data or the table cannot be read",
    .flags = flags,
    .flags_len = sizeof(flags) / sizeof(flags[0]),
    .run = run,
};

/* SPDX-License-Identifier: MIT */
/* status_command: prints the daemon's status as a table, once or repeatedly.
 *
 * All texts may come from other hosts, so they are printed without control
 * characters; the exit code is that of a monitoring plugin. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/json_util.h"
#include "ctl/command.h"
#include "ctl/control/client.h"

#define CELL_BYTES 512

/* Returns the enum command_result for the worst rule. */
static int get_status_result(const json_t *status) {
  const char *worst = json_string_value(json_object_get(status, "worst"));
  if (worst == NULL) {
    return COMMAND_UNKNOWN;
  }
  if (strcmp(worst, "FAILURE") == 0) {
    return COMMAND_FAILURE;
  }
  if (strcmp(worst, "UNKNOWN") == 0) {
    return COMMAND_UNKNOWN;
  }
  return strcmp(worst, "OKAY") == 0 ? COMMAND_OKAY : COMMAND_WARNING;
}

/* ---- cells ---- */

/* https://no-color.org: NO_COLOR switches it off. */
static bool has_colour(void) {
  const char *no_colour = getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 &&
         (no_colour == NULL || no_colour[0] == '\0');
}

/* 80 where they are not known. */
static int get_terminal_columns(void) {
  struct winsize size;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
             ? size.ws_col
             : 80;
}

/* Prints the member's state, padded to WIDTH, in its colour. */
static void print_state(const json_t *object, const char *name, int width) {
  static const struct {
    const char *state;
    const char *colour;
  } colours[] = {
      {"OKAY", "32"},
      {"WARNING", "33"},
      {"MISSING", "33"},
      {"FAILURE", "1;31"},
      {"ENGAGED", "31"},
      {"ENGAGING", "33"},
      {"RELEASING", "33"},
      {"DRYRUN_ENGAGED", "35"},
      {"DRYRUN_ENGAGING", "35"},
      {"DRYRUN_RELEASING", "35"},
      {"UNKNOWN", "2"},
      {"OFF", "2"},
  };
  char state[32];
  const char *colour = NULL;
  (void)json_util_copy_text(object, name, state, sizeof(state));
  for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
    colour = strcmp(colours[i].state, state) == 0 ? colours[i].colour : colour;
  }
  if (colour != NULL && has_colour()) {
    (void)printf("\033[%sm%-*s\033[0m", colour, width, state);
  } else {
    (void)printf("%-*s", width, state);
  }
}

/* Prints a blank and the member's text, padded to WIDTH and cut at MAX
 * characters (negative: not cut). */
static void print_text(const json_t *object, const char *name, int width,
                       int max) {
  char text[512];
  (void)printf(" %-*.*s", width, max,
               json_util_copy_text(object, name, text, sizeof(text)));
}

/* "83.3 %"; "-" while the rule has no value. */
static void format_rule_value(const json_t *rule, char *text, size_t bytes) {
  const json_t *value = json_object_get(rule, "value");
  char unit[64];
  (void)json_util_copy_text(rule, "unit", unit, sizeof(unit));
  if (json_is_number(value)) {
    (void)snprintf(text, bytes, "%.6g%s%s", json_number_value(value),
                   unit[0] == '\0' ? "" : " ", unit);
  } else {
    (void)snprintf(text, bytes, "-");
  }
}

/* ">80 >95", the warning's limits before the failure's. */
static void format_rule_limits(const json_t *rule, char *text, size_t bytes) {
  static const struct {
    const char *name;
    char sign;
  } limits[] = {{"warning_min", '<'},
                {"warning_max", '>'},
                {"failure_min", '<'},
                {"failure_max", '>'}};
  const json_t *object = json_object_get(rule, "limits");
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < 4; i++) {
    const json_t *limit = json_object_get(object, limits[i].name);
    if (json_is_number(limit) && used < bytes) {
      int length =
          snprintf(text + used, bytes - used, "%s%c%.6g", used == 0 ? "" : " ",
                   limits[i].sign, json_number_value(limit));
      used += length > 0 ? (size_t)length : 0;
    }
  }
}

/* The age of the state by the daemon's clock; "-" where it never changed. */
static void format_since(const json_t *object, double now_s, char *text,
                         size_t bytes) {
  const json_t *since = json_object_get(object, "since");
  (void)snprintf(text, bytes, "-");
  if (json_is_number(since)) {
    command_format_duration(now_s - json_number_value(since), text, bytes);
  }
}

/* The name of the worst series, and how many more there are. */
static void format_series_names(const json_t *rule, char *text, size_t bytes) {
  const json_t *series = json_object_get(rule, "series");
  json_int_t count = json_integer_value(json_object_get(rule, "series_count"));
  if (count == 0) {
    (void)snprintf(text, bytes, "no series matches yet");
    return;
  }
  (void)json_util_copy_text(json_array_get(series, 0), "name", text, bytes);
  if (count > 1) {
    size_t used = strlen(text);
    (void)snprintf(text + used, bytes - used, " and %lld more",
                   (long long)count - 1);
  }
}

/* The columns fit into 80 characters; a series name is printed where the
 * terminal is wide enough for a part of it. */
static void print_rule(const json_t *rule, double now_s, int columns) {
  char value[96], limits[128], since[48], series[CELL_BYTES];
  format_rule_value(rule, value, sizeof(value));
  format_rule_limits(rule, limits, sizeof(limits));
  format_since(rule, now_s, since, sizeof(since));
  format_series_names(rule, series, sizeof(series));
  print_state(rule, "state", 8);
  print_text(rule, "name", 18, 18);
  (void)printf(" %12.12s  %-12s %-11s", value, limits, since);
  int left = columns - 66; /* what is printed so far */
  if (left >= 12) {
    (void)printf(" %.*s", left, series);
  }
  (void)printf("%s\n", json_is_true(json_object_get(rule, "silenced"))
                           ? " (silenced)"
                           : "");
}

/* The hint names the command that is needed after a tripped rate limit. */
static void print_response(const json_t *response, double now_s) {
  char since[48];
  format_since(response, now_s, since, sizeof(since));
  print_state(response, "state", 16);
  print_text(response, "name", 18, 18);
  print_text(response, "mode", 7, -1);
  (void)printf(" %-11s", since);
  print_text(response, "next", 0, -1);
  (void)printf("%s\n", json_is_true(json_object_get(response, "tripped"))
                           ? " (rate limit tripped; resource-alertctl reset)"
                           : "");
}

/* The comment comes last, because it may be long. */
static void print_silence(const json_t *silence, double now_s) {
  char left[48];
  double until_s = json_number_value(json_object_get(silence, "until"));
  command_format_duration(until_s - now_s, left, sizeof(left));
  (void)printf("silenced ");
  print_text(silence, "name", 18, -1);
  (void)printf(" %s left, by", left);
  print_text(silence, "who", 0, -1);
  (void)printf(":");
  print_text(silence, "comment", 0, -1);
  (void)printf("\n");
}

/* Rules, responses and silences, each in the order of the daemon. */
static void print_status(const json_t *status) {
  double now_s = json_number_value(json_object_get(status, "time"));
  int columns = get_terminal_columns();
  char host[CELL_BYTES];
  (void)printf("%s: ", json_util_copy_text(status, "host", host, sizeof(host)));
  print_state(status, "worst", 0);
  (void)printf(", mode");
  print_text(status, "mode", 0, -1);
  if (json_object_get(status, "state_dir_holder") != NULL) {
    (void)printf(", no actions: StateDir is in use by");
    print_text(status, "state_dir_holder", 0, -1);
  }
  (void)printf("\n\n");
  const json_t *rules = json_object_get(status, "rules");
  const json_t *responses = json_object_get(status, "responses");
  const json_t *silences = json_object_get(status, "silences");
  (void)printf("%-8s %-18s %12s  %-12s %-11s%s\n", "STATE", "RULE", "VALUE",
               "LIMITS", "SINCE", columns >= 78 ? " SERIES" : "");
  for (size_t index = 0; index < json_array_size(rules); index++) {
    print_rule(json_array_get(rules, index), now_s, columns);
  }
  if (json_array_size(responses) > 0) {
    (void)printf("\n%-16s %-18s %-7s %-11s %s\n", "STATE", "RESPONSE", "MODE",
                 "SINCE", "NEXT");
  }
  for (size_t index = 0; index < json_array_size(responses); index++) {
    print_response(json_array_get(responses, index), now_s);
  }
  for (size_t index = 0; index < json_array_size(silences); index++) {
    (void)printf("%s", index == 0 ? "\n" : "");
    print_silence(json_array_get(silences, index), now_s);
  }
}

/* ---- the commands ---- */

enum { STATUS_SOCKET, STATUS_JSON };
enum { WATCH_SOCKET, WATCH_EVERY, WATCH_COUNT };

/* The exit code is that of a monitoring plugin, also with --json. */
static int run_status(const struct command_line *line) {
  struct error error = {{0}};
  json_t *status =
      client_send_request(line->flags[STATUS_SOCKET], "/status", NULL, &error);
  if (status == NULL) {
    return command_fail("%s", error.text);
  }
  if (line->flags[STATUS_JSON] != NULL) {
    char *text = json_util_dump(status, JSON_INDENT(2));
    (void)fputs(text == NULL ? "" : text, stdout);
    free(text);
    (void)fputc('\n', stdout);
  } else {
    print_status(status);
  }
  int result = get_status_result(status);
  json_decref(status);
  return result;
}

/* A daemon that does not respond is shown, not fatal: it may be restarting. */
static int run_watch(const struct command_line *line) {
  struct error error = {{0}};
  double every_s = 2;
  long count = 0;
  if (!command_parse_duration_flag(line, WATCH_EVERY, &every_s)) {
    return COMMAND_UNKNOWN;
  }
  if (line->flags[WATCH_COUNT] != NULL) {
    count = strtol(line->flags[WATCH_COUNT], NULL, 10);
  }
  int result = COMMAND_UNKNOWN;
  for (long i = 0; count <= 0 || i < count; i++) {
    if (i > 0) {
      (void)poll(NULL, 0, (int)(every_s * 1000));
    }
    json_t *status =
        client_send_request(line->flags[WATCH_SOCKET], "/status", NULL, &error);
    (void)fputs("\033[H\033[2J", stdout);
    if (status == NULL) {
      (void)printf("%s\n", error.text);
      result = COMMAND_UNKNOWN;
    } else {
      print_status(status);
      result = get_status_result(status);
    }
    (void)fflush(stdout);
    json_decref(status);
  }
  return result;
}

const struct command status_command = {
    .name = "status",
    .operands = "",
    .summary = "show the rules and the responses",
    .help =
        "Shows each rule with its state, the time of the last change, the "
        "value and the limits. Also shows each response with its next step, "
        "and the silences. The exit code is that of a monitoring plugin: 0 if "
        "every rule is OKAY, 1 if a rule is in WARNING or MISSING, 2 if a rule "
        "is in FAILURE, 3 if nothing is known yet or the daemon does not "
        "respond.",
    .flags = {[STATUS_SOCKET] = CLIENT_SOCKET_FLAG,
              [STATUS_JSON] = {"json", NULL, "print everything as JSON"}},
    .run = run_status,
};

const struct command status_command_watch = {
    .name = "watch",
    .operands = "",
    .summary = "show the status repeatedly",
    .help = "Clears the screen before each update. Ctrl-C ends it. If the "
            "daemon does not respond, the command shows this and tries again.",
    .flags = {[WATCH_SOCKET] = CLIENT_SOCKET_FLAG,
              [WATCH_EVERY] = {"every", "DURATION",
                               "the time between two updates (default: 2s)"},
              [WATCH_COUNT] = {"count", "N", "end after N times"}},
    .run = run_watch,
};

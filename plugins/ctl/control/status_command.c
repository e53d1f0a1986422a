/* SPDX-License-Identifier: MIT */
/* status_command: prints the daemon's status as a table, once or repeatedly.
 *
 * All texts may come from other hosts, so they are printed without control
 * characters; the exit code is that of a monitoring plugin. */
#include <math.h>
#include <poll.h>
#include <stdint.h>
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

/* The window; 0 x 0 where standard output is none: then nothing is cut. */
static struct winsize get_window(void) {
  struct winsize size = {0};
  if (isatty(STDOUT_FILENO) != 1) {
    return size;
  }
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 ||
      size.ws_row == 0) {
    size.ws_col = 80;
    size.ws_row = 24;
  }
  return size;
}

/* Ends LINE, of which USED columns are printed already, at the edge of the
 * window. A character of UTF-8 counts as one column. */
static void print_rest_of_line(const char *line, int used, int columns) {
  size_t bytes = 0;
  while (line[bytes] != '\0' &&
         (columns == 0 || used < columns || (line[bytes] & 0xc0) == 0x80)) {
    used += (line[bytes] & 0xc0) != 0x80;
    bytes++;
  }
  (void)printf("%.*s\n", (int)bytes, line);
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

/* Prints a blank and the member's text. */
static void print_text(const json_t *object, const char *name) {
  char text[CELL_BYTES];
  (void)printf(" %s", json_util_copy_text(object, name, text, sizeof(text)));
}

static const struct {
  const char *name;
  char sign;
} limit_names[] = {{"warning_min", '<'},
                   {"warning_max", '>'},
                   {"failure_min", '<'},
                   {"failure_max", '>'}};
#define LIMITS (sizeof(limit_names) / sizeof(limit_names[0]))

/* Three digits, whole numbers below 10^9 with all of theirs; or as many as show
 * on which side of each limit the value is. */
static void format_number(double value, const json_t *limits, char *text,
                          size_t bytes) {
  bool is_whole = fabs(value) >= 100 && fabs(value) < 1e9;
  double shown = is_whole ? round(value) : value;
  int digits = is_whole ? 9 : 3;
  (void)snprintf(text, bytes, "%.*g", digits, shown);
  for (size_t i = 0; i < LIMITS && digits <= 15; i++) {
    const json_t *limit = json_object_get(limits, limit_names[i].name);
    double of = json_number_value(limit);
    double rounded = strtod(text, NULL);
    if (json_is_number(limit) &&
        ((rounded > of) != (value > of) || (rounded < of) != (value < of))) {
      (void)snprintf(text, bytes, "%.*g", ++digits, value);
      i--; /* the same limit again */
    }
  }
}

/* "83.3 %"; "-" while the rule has no value. */
static void format_rule_value(const json_t *rule, char *text, size_t bytes) {
  const json_t *value = json_object_get(rule, "value");
  char unit[64], number[32];
  if (!json_is_number(value)) {
    (void)snprintf(text, bytes, "-");
    return;
  }
  (void)json_util_copy_text(rule, "unit", unit, sizeof(unit));
  format_number(json_number_value(value), json_object_get(rule, "limits"),
                number, sizeof(number));
  (void)snprintf(text, bytes, "%s%s%s", number, unit[0] == '\0' ? "" : " ",
                 unit);
}

/* ">80 >95", the warning's limits before the failure's. */
static void format_rule_limits(const json_t *rule, char *text, size_t bytes) {
  const json_t *object = json_object_get(rule, "limits");
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < LIMITS; i++) {
    const json_t *limit = json_object_get(object, limit_names[i].name);
    if (json_is_number(limit) && used < bytes) {
      int length =
          snprintf(text + used, bytes - used, "%s%c%.10g", used == 0 ? "" : " ",
                   limit_names[i].sign, json_number_value(limit));
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

/* "WARNING in 6 s, " while the state is about to change, and "silenced, ". */
static void format_notes(const json_t *rule, char *text, size_t bytes) {
  const json_t *next_s = json_object_get(rule, "next_in_s");
  char next[32], left[48];
  text[0] = '\0';
  if (json_is_true(json_object_get(rule, "silenced"))) {
    (void)snprintf(text, bytes, "(silenced) ");
  }
  if (json_is_number(next_s)) {
    size_t used = strlen(text);
    (void)json_util_copy_text(rule, "next_state", next, sizeof(next));
    command_format_duration(json_number_value(next_s), left, sizeof(left));
    (void)snprintf(text + used, bytes - used, "%s in %s, ", next, left);
  }
}

/* The last column takes what the window leaves: notes, then the series. */
static void print_rule(const json_t *rule, double now_s, int name_width,
                       int columns) {
  char name[CELL_BYTES], value[96], limits[128], since[48], series[CELL_BYTES];
  char notes[128], line[2 * CELL_BYTES + 512];
  format_rule_value(rule, value, sizeof(value));
  format_rule_limits(rule, limits, sizeof(limits));
  format_since(rule, now_s, since, sizeof(since));
  format_series_names(rule, series, sizeof(series));
  format_notes(rule, notes, sizeof(notes));
  (void)json_util_copy_text(rule, "name", name, sizeof(name));
  (void)snprintf(line, sizeof(line), " %-*.*s %11s  %-11s %-11s %s%s",
                 name_width, columns == 0 ? -1 : name_width, name, value,
                 limits, since, notes, series);
  print_state(rule, "state", 7);
  print_rest_of_line(line, 7, columns);
}

/* "self-test: scale failed: ...", of the actions that were tested. */
static void print_self_tests(const json_t *response, int columns) {
  const json_t *actions = json_object_get(response, "actions");
  char name[CELL_BYTES], result[CELL_BYTES], line[2 * CELL_BYTES + 32];
  for (size_t i = 0; i < json_array_size(actions); i++) {
    const json_t *action = json_array_get(actions, i);
    if (json_is_string(json_object_get(action, "self_test"))) {
      (void)snprintf(
          line, sizeof(line), "          self-test of %s: %s",
          json_util_copy_text(action, "name", name, sizeof(name)),
          json_util_copy_text(action, "self_test", result, sizeof(result)));
      print_rest_of_line(line, 0, columns);
    }
  }
}

/* The hint names the command that is needed after a tripped rate limit. */
static void print_response(const json_t *response, double now_s, int columns) {
  char since[48], name[CELL_BYTES], mode[32], next[CELL_BYTES];
  char line[2 * CELL_BYTES + 256];
  format_since(response, now_s, since, sizeof(since));
  (void)snprintf(line, sizeof(line), " %-18s %-7s %-11s %s%s",
                 json_util_copy_text(response, "name", name, sizeof(name)),
                 json_util_copy_text(response, "mode", mode, sizeof(mode)),
                 since,
                 json_is_true(json_object_get(response, "tripped"))
                     ? "(rate limit tripped; resource-alertctl reset) "
                     : "",
                 json_util_copy_text(response, "next", next, sizeof(next)));
  print_state(response, "state", 9);
  print_rest_of_line(line, 9, columns);
  print_self_tests(response, columns);
}

/* The comment comes last, because it may be long. */
static void print_silence(const json_t *silence, double now_s, int columns) {
  char left[48], name[CELL_BYTES], who[CELL_BYTES], comment[CELL_BYTES];
  char line[3 * CELL_BYTES + 128];
  double until_s = json_number_value(json_object_get(silence, "until"));
  command_format_duration(until_s - now_s, left, sizeof(left));
  (void)snprintf(
      line, sizeof(line), "silenced %-18s %s left, by %s: %s",
      json_util_copy_text(silence, "name", name, sizeof(name)), left,
      json_util_copy_text(silence, "who", who, sizeof(who)),
      json_util_copy_text(silence, "comment", comment, sizeof(comment)));
  print_rest_of_line(line, 0, columns);
}

/* Prints up to ROWS rules, the worst first and the daemon's order among equals;
 * the last row counts those that are left out. */
static void print_rules(const json_t *rules, double now_s, size_t rows,
                        int columns) {
  size_t len = json_array_size(rules);
  size_t printed = 0;
  size_t shown = len > rows ? rows - 1 : len;
  int width = 8;
  for (size_t i = 0; i < len; i++) {
    const json_t *name = json_object_get(json_array_get(rules, i), "name");
    int length = (int)json_string_length(name);
    width = length > width ? length : width;
  }
  int most = columns < 120 ? 16 : 40; /* leaves room for the series */
  width = columns > 0 && width > most ? most : width;
  char head[CELL_BYTES];
  (void)snprintf(head, sizeof(head), "%-7s %-*s %11s  %-11s %-11s %s", "STATE",
                 width, "RULE", "VALUE", "LIMITS", "SINCE", "SERIES");
  print_rest_of_line(head, 0, columns);
  for (int severity = 8; severity >= 0; severity--) {
    for (size_t i = 0; i < len && printed < shown; i++) {
      const json_t *rule = json_array_get(rules, i);
      if (json_integer_value(json_object_get(rule, "severity")) == severity) {
        print_rule(rule, now_s, width, columns);
        printed++;
      }
    }
  }
  if (shown < len) {
    (void)snprintf(head, sizeof(head),
                   "... %zu more, none worse: resource-alertctl status",
                   len - shown);
    print_rest_of_line(head, 0, columns);
  }
}

/* The rows that the window leaves to rules, at least two. 0: no window, which
 * has room for all. */
static size_t count_rule_rows(const json_t *responses, const json_t *silences,
                              size_t rows) {
  size_t others = 4; /* verdict, blank, head, and the cursor's */
  others += json_array_size(silences) + (json_array_size(silences) > 0);
  for (size_t i = 0; i < json_array_size(responses); i++) {
    const json_t *one = json_array_get(responses, i);
    others += json_array_size(json_object_get(one, "actions")) + 1;
    others += i == 0 ? 2 : 0;
  }
  return rows == 0 ? SIZE_MAX : rows > others + 2 ? rows - others : 2;
}

/* Rules, the worst first; responses and silences in the order of the daemon.
 * is_watched: it must fit the window's height, too. */
static void print_status(const json_t *status, bool is_watched) {
  double now_s = json_number_value(json_object_get(status, "time"));
  struct winsize window = get_window();
  int columns = window.ws_col;
  char host[CELL_BYTES];
  (void)printf("%s: ", json_util_copy_text(status, "host", host, sizeof(host)));
  print_state(status, "worst", 0);
  (void)printf(", mode");
  print_text(status, "mode");
  if (json_object_get(status, "state_dir_holder") != NULL) {
    (void)printf(", no actions: StateDir is in use by");
    print_text(status, "state_dir_holder");
  }
  (void)printf("\n\n");
  const json_t *responses = json_object_get(status, "responses");
  const json_t *silences = json_object_get(status, "silences");
  print_rules(
      json_object_get(status, "rules"), now_s,
      count_rule_rows(responses, silences, is_watched ? window.ws_row : 0),
      columns);
  if (json_array_size(responses) > 0) {
    (void)fputc('\n', stdout);
    char head[128];
    (void)snprintf(head, sizeof(head), "%-9s %-18s %-7s %-11s %s", "STATE",
                   "RESPONSE", "MODE", "SINCE", "NEXT");
    print_rest_of_line(head, 0, columns);
  }
  for (size_t index = 0; index < json_array_size(responses); index++) {
    print_response(json_array_get(responses, index), now_s, columns);
  }
  for (size_t index = 0; index < json_array_size(silences); index++) {
    (void)printf("%s", index == 0 ? "\n" : "");
    print_silence(json_array_get(silences, index), now_s, columns);
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
    print_status(status, false);
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
    if (isatty(STDOUT_FILENO) == 1) {
      (void)fputs("\033[H\033[2J", stdout);
    }
    if (status == NULL) {
      (void)printf("%s\n", error.text);
      result = COMMAND_UNKNOWN;
    } else {
      print_status(status, true);
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
        "value and the limits, the worst rules first, and when the state is "
        "about to change. Also shows each response with its next step and the "
        "results of its self-tests, and the silences. Lines are cut at the "
        "edge "
        "of a terminal; without a terminal nothing is cut. The exit code is "
        "that of a monitoring plugin: 0 if "
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
    .help =
        "Clears the screen before each update, and shows as many rules as fit, "
        "the worst first. Ctrl-C ends it. If the "
        "daemon does not respond, the command shows this and tries again.",
    .flags = {[WATCH_SOCKET] = CLIENT_SOCKET_FLAG,
              [WATCH_EVERY] = {"every", "DURATION",
                               "the time between two updates (default: 2s)"},
              [WATCH_COUNT] = {"count", "N", "end after N times"}},
    .run = run_watch,
};

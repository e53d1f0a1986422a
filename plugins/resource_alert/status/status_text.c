/* SPDX-License-Identifier: MIT */
/* status_text: the status as a table for people: a terminal, a file, or
 * /status.txt.
 *
 * All texts may come from other hosts, so they are printed without control
 * characters. */
#include "resource_alert/status/status_text.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_util.h"
#include "core/text.h"

#define CELL_BYTES 512

/* ---- cells ---- */

/* Ends LINE, of which USED columns are printed already, at the edge of the
 * window. A character of UTF-8 counts as one column. */
static void print_rest_of_line(const struct status_text_target *to,
                               const char *line, int used) {
  int columns = to->columns;
  size_t bytes = 0;
  while (line[bytes] != '\0' &&
         (columns == 0 || used < columns || (line[bytes] & 0xc0) == 0x80)) {
    used += (line[bytes] & 0xc0) != 0x80;
    bytes++;
  }
  (void)fprintf(to->file, "%.*s\n", (int)bytes, line);
}

/* Prints the member's state, padded to WIDTH, in its colour. */
static void print_state(const struct status_text_target *to,
                        const json_t *object, const char *name, int width) {
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
  if (colour != NULL && to->has_colour) {
    (void)fprintf(to->file, "\033[%sm%-*s\033[0m", colour, width, state);
  } else {
    (void)fprintf(to->file, "%-*s", width, state);
  }
}

/* Prints a blank and the member's text. */
static void print_text(const struct status_text_target *to,
                       const json_t *object, const char *name) {
  char text[CELL_BYTES];
  (void)fprintf(to->file, " %s",
                json_util_copy_text(object, name, text, sizeof(text)));
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
    text_format_duration(now_s - json_number_value(since), text, bytes);
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
    text_format_duration(json_number_value(next_s), left, sizeof(left));
    (void)snprintf(text + used, bytes - used, "%s in %s, ", next, left);
  }
}

/* The last column takes what the window leaves: notes, then the series. */
static void print_rule(const struct status_text_target *to, const json_t *rule,
                       double now_s, int name_width) {
  char name[CELL_BYTES], value[96], limits[128], since[48], series[CELL_BYTES];
  char notes[128], line[2 * CELL_BYTES + 512];
  format_rule_value(rule, value, sizeof(value));
  format_rule_limits(rule, limits, sizeof(limits));
  format_since(rule, now_s, since, sizeof(since));
  format_series_names(rule, series, sizeof(series));
  format_notes(rule, notes, sizeof(notes));
  (void)json_util_copy_text(rule, "name", name, sizeof(name));
  (void)snprintf(line, sizeof(line), " %-*.*s %11s  %-11s %-11s %s%s",
                 name_width, to->columns == 0 ? -1 : name_width, name, value,
                 limits, since, notes, series);
  print_state(to, rule, "state", 7);
  print_rest_of_line(to, line, 7);
}

/* "self-test: scale failed: ...", of the actions that were tested. */
static void print_self_tests(const struct status_text_target *to,
                             const json_t *response) {
  const json_t *actions = json_object_get(response, "actions");
  char name[CELL_BYTES], result[CELL_BYTES], line[2 * CELL_BYTES + 32];
  for (size_t i = 0; i < json_array_size(actions); i++) {
    const json_t *action = json_array_get(actions, i);
    if (json_is_string(json_object_get(action, "self_test"))) {
      (void)snprintf(
          line, sizeof(line), "          self-test of %s: %s",
          json_util_copy_text(action, "name", name, sizeof(name)),
          json_util_copy_text(action, "self_test", result, sizeof(result)));
      print_rest_of_line(to, line, 0);
    }
  }
}

/* The hint names the command that is needed after a tripped rate limit. */
static void print_response(const struct status_text_target *to,
                           const json_t *response, double now_s) {
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
  print_state(to, response, "state", 9);
  print_rest_of_line(to, line, 9);
  print_self_tests(to, response);
}

/* The comment comes last, because it may be long. */
static void print_silence(const struct status_text_target *to,
                          const json_t *silence, double now_s) {
  char left[48], name[CELL_BYTES], who[CELL_BYTES], comment[CELL_BYTES];
  char line[3 * CELL_BYTES + 128];
  double until_s = json_number_value(json_object_get(silence, "until"));
  text_format_duration(until_s - now_s, left, sizeof(left));
  (void)snprintf(
      line, sizeof(line), "silenced %-18s %s left, by %s: %s",
      json_util_copy_text(silence, "name", name, sizeof(name)), left,
      json_util_copy_text(silence, "who", who, sizeof(who)),
      json_util_copy_text(silence, "comment", comment, sizeof(comment)));
  print_rest_of_line(to, line, 0);
}

/* Prints up to ROWS rules, the worst first and the daemon's order among equals;
 * the last row counts those that are left out. */
static void print_rules(const struct status_text_target *to,
                        const json_t *rules, double now_s, size_t rows) {
  size_t len = json_array_size(rules);
  size_t printed = 0;
  size_t shown = len > rows ? rows - 1 : len;
  int width = 8;
  for (size_t i = 0; i < len; i++) {
    const json_t *name = json_object_get(json_array_get(rules, i), "name");
    int length = (int)json_string_length(name);
    width = length > width ? length : width;
  }
  int most = to->columns < 120 ? 16 : 40; /* leaves room for the series */
  width = to->columns > 0 && width > most ? most : width;
  char head[CELL_BYTES];
  (void)snprintf(head, sizeof(head), "%-7s %-*s %11s  %-11s %-11s %s", "STATE",
                 width, "RULE", "VALUE", "LIMITS", "SINCE", "SERIES");
  print_rest_of_line(to, head, 0);
  for (int severity = 8; severity >= 0; severity--) {
    for (size_t i = 0; i < len && printed < shown; i++) {
      const json_t *rule = json_array_get(rules, i);
      if (json_integer_value(json_object_get(rule, "severity")) == severity) {
        print_rule(to, rule, now_s, width);
        printed++;
      }
    }
  }
  if (shown < len) {
    (void)snprintf(head, sizeof(head),
                   "... %zu more, none worse: resource-alertctl status",
                   len - shown);
    print_rest_of_line(to, head, 0);
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

void status_text_print(const json_t *status,
                       const struct status_text_target *to) {
  double now_s = json_number_value(json_object_get(status, "time"));
  char host[CELL_BYTES];
  (void)fprintf(to->file, "%s: ",
                json_util_copy_text(status, "host", host, sizeof(host)));
  print_state(to, status, "worst", 0);
  (void)fprintf(to->file, ", mode");
  print_text(to, status, "mode");
  if (json_object_get(status, "state_dir_holder") != NULL) {
    (void)fprintf(to->file, ", no actions: StateDir is in use by");
    print_text(to, status, "state_dir_holder");
  }
  (void)fprintf(to->file, "\n\n");
  const json_t *responses = json_object_get(status, "responses");
  const json_t *silences = json_object_get(status, "silences");
  print_rules(to, json_object_get(status, "rules"), now_s,
              count_rule_rows(responses, silences, to->rows));
  if (json_array_size(responses) > 0) {
    (void)fputc('\n', to->file);
    char head[128];
    (void)snprintf(head, sizeof(head), "%-9s %-18s %-7s %-11s %s", "STATE",
                   "RESPONSE", "MODE", "SINCE", "NEXT");
    print_rest_of_line(to, head, 0);
  }
  for (size_t index = 0; index < json_array_size(responses); index++) {
    print_response(to, json_array_get(responses, index), now_s);
  }
  for (size_t index = 0; index < json_array_size(silences); index++) {
    (void)fprintf(to->file, "%s", index == 0 ? "\n" : "");
    print_silence(to, json_array_get(silences, index), now_s);
  }
}

/* SPDX-License-Identifier: MIT */
/* journal_command: prints the journal: filtered, and followed like tail -F.
 *
 * The journal is a file of JSON objects, one a line, which logrotate may
 * move away while it is followed. A line that is no object is counted and
 * reported at the end. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/file_util.h"
#include "core/glob.h"
#include "core/json_util.h"
#include "core/text.h"
#include "ctl/command.h"

#define JOURNAL_PATH "/var/log/collectd/resource_alert.jsonl"
#define FOLLOW_INTERVAL_MS 200

enum {
  FLAG_FILE,
  FLAG_EVENT,
  FLAG_NAME,
  FLAG_SINCE,
  FLAG_LINES,
  FLAG_FOLLOW,
  FLAG_JSON
};

#define LINES_MAX 1000000

/* What the journal has, as the manual says. */
static const char *const event_kinds[] = {
    "state",      "response", "action",    "effect", "forbidden",
    "command",    "silence",  "unsilence", "forget", "leak",
    "leak_ended", "dropped",  NULL};

/* What is printed: from a time on, and a number of last lines of what is there
 * at the start. */
struct selection {
  time_t since_s; /* 0: all */
  size_t lines;   /* 0: all */
  char **last;    /* a ring of LINES strings, owned; NULL: print at once */
  size_t count;   /* that were put into it */
  size_t bad;     /* lines that are not JSON objects, such as one that was cut
                     when the disk was full */
};

/* The time of an event, "2026-01-31T10:00:00.123+01:00", since the epoch; -1
 * where it has none. */
static time_t parse_event_time(const json_t *event) {
  const char *text = json_string_value(json_object_get(event, "time"));
  struct tm parts = {0};
  const char *rest =
      text == NULL ? NULL : strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == NULL) {
    return -1;
  }
  rest += strcspn(rest, "+-Z");
  int hours = 0;
  int minutes = 0;
  (void)sscanf(*rest == '\0' ? rest : rest + 1, "%2d:%2d", &hours, &minutes);
  long east_s = hours * 3600L + minutes * 60L;
  return timegm(&parts) - (*rest == '-' ? -east_s : east_s);
}

/* Events of a rule or of a response have its name; others match no name. */
static bool is_selected(const struct command_line *line, const json_t *event) {
  const char *kind = json_string_value(json_object_get(event, "event"));
  const char *rule = json_string_value(json_object_get(event, "rule"));
  const char *response = json_string_value(json_object_get(event, "response"));
  const char *name = rule != NULL ? rule : response;
  const char *wanted_kind = line->flags[FLAG_EVENT];
  const char *wanted_name = line->flags[FLAG_NAME];
  return (wanted_kind == NULL ||
          (kind != NULL && strcmp(kind, wanted_kind) == 0)) &&
         (wanted_name == NULL ||
          (name != NULL && glob_matches(wanted_name, name)));
}

/* Prints "time event", then each further member as name=value. */
static void print_event(json_t *event) {
  char text[1024];
  (void)printf("%s ", json_util_copy_text(event, "time", text, sizeof(text)));
  (void)printf("%s", json_util_copy_text(event, "event", text, sizeof(text)));
  const char *name;
  json_t *value;
  json_object_foreach(event, name, value) {
    if (strcmp(name, "seq") == 0 || strcmp(name, "time") == 0 ||
        strcmp(name, "event") == 0) {
      continue;
    }
    if (json_is_string(value)) {
      (void)printf(" %s=%s", name,
                   json_util_copy_text(event, name, text, sizeof(text)));
    } else if (json_is_number(value)) {
      (void)printf(" %s=%.6g", name, json_number_value(value));
    } else if (json_is_boolean(value)) {
      (void)printf(" %s=%s", name, json_is_true(value) ? "true" : "false");
    }
  }
  (void)fputc('\n', stdout);
}

static void print_selected(const struct command_line *line, const char *text,
                           json_t *event) {
  if (line->flags[FLAG_JSON] != NULL) {
    (void)fputs(text, stdout);
  } else {
    print_event(event);
  }
}

/* Without memory a line is printed early. */
static void print_or_keep_line(const struct command_line *line,
                               const char *text, struct selection *selection) {
  json_t *event = json_loads(text, 0, NULL);
  char *copy = NULL;
  if (!json_is_object(event)) {
    selection->bad++;
  } else if (is_selected(line, event) &&
             (selection->since_s == 0 ||
              parse_event_time(event) >= selection->since_s)) {
    if (selection->last != NULL && (copy = strdup(text)) != NULL) {
      char **place = &selection->last[selection->count++ % selection->lines];
      free(*place);
      *place = copy;
    } else {
      print_selected(line, text, event);
    }
  }
  json_decref(event);
}

/* Prints the lines that were kept, and keeps none from then on. */
static void print_kept_lines(const struct command_line *line,
                             struct selection *selection) {
  for (size_t i = 0; selection->last != NULL && i < selection->lines; i++) {
    char *text = selection->last[(selection->count + i) % selection->lines];
    json_t *event = text == NULL ? NULL : json_loads(text, 0, NULL);
    if (event != NULL) {
      print_selected(line, text, event);
    }
    json_decref(event);
    free(text);
  }
  free(selection->last);
  selection->last = NULL;
  (void)fflush(stdout);
}

/* Prints whole lines up to the end; a last line that is still being written is
 * left for the next time. */
static void print_new_lines(const struct command_line *line, FILE *file,
                            struct selection *selection) {
  char *text = NULL;
  size_t capacity = 0;
  long at = ftell(file);
  ssize_t length;
  while ((length = getline(&text, &capacity, file)) > 0) {
    if (text[length - 1] != '\n') {
      break;
    }
    at = ftell(file);
    print_or_keep_line(line, text, selection);
  }
  free(text);
  clearerr(file);
  (void)fseek(file, at, SEEK_SET);
  (void)fflush(stdout);
}

/* Reads the old file to its end before it opens the one that took its place, so
 * that no line is lost. Ends when standard output is closed. */
static void follow_journal(const struct command_line *line, const char *path,
                           FILE **file, struct selection *selection) {
  while (ferror(stdout) == 0) {
    (void)poll(NULL, 0, FOLLOW_INTERVAL_MS);
    bool is_rotated = !file_is_at(path, fileno(*file));
    print_new_lines(line, *file, selection);
    FILE *next = is_rotated ? fopen(path, "re") : NULL;
    if (next != NULL) {
      (void)fclose(*file);
      *file = next;
      print_new_lines(line, *file, selection);
    }
  }
}

/* Returns false after it has printed what is wrong. */
static bool parse_selection(const struct command_line *line,
                            struct selection *selection) {
  const char *kind = line->flags[FLAG_EVENT];
  const char *lines = line->flags[FLAG_LINES];
  double since_s = 0;
  if (kind != NULL && text_find_word(event_kinds, kind) < 0) {
    struct text_nearest nearest = text_nearest_begin(kind);
    char all[256] = "";
    for (size_t i = 0; event_kinds[i] != NULL; i++) {
      text_nearest_offer(&nearest, event_kinds[i]);
      (void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s",
                     i == 0 ? "" : ", ", event_kinds[i]);
    }
    (void)command_fail("journal: there is no event %s; %s%s", kind,
                       nearest.name == NULL ? "allowed: " : "did you mean ",
                       nearest.name == NULL ? all : nearest.name);
    return false;
  }
  if (!command_parse_duration_flag(line, FLAG_SINCE, &since_s)) {
    return false;
  }
  selection->since_s = since_s > 0 ? time(NULL) - (time_t)since_s : 0;
  char *rest = NULL;
  long count = lines == NULL ? 0 : strtol(lines, &rest, 10);
  if (lines != NULL && (*rest != '\0' || count < 1 || count > LINES_MAX)) {
    (void)command_fail("journal: --lines %s: write a number from 1 to %d",
                       lines, LINES_MAX);
    return false;
  }
  selection->lines = (size_t)count;
  selection->last =
      count == 0 ? NULL : calloc(selection->lines, sizeof(*selection->last));
  return true;
}

/* A FIFO or a directory would make the reading hang or fail at each line. */
static int run_journal(const struct command_line *line) {
  const char *path =
      line->flags[FLAG_FILE] == NULL ? JOURNAL_PATH : line->flags[FLAG_FILE];
  struct selection selection = {0};
  if (!parse_selection(line, &selection)) {
    return COMMAND_UNKNOWN;
  }
  FILE *file = fopen(path, "re");
  struct stat status;
  if (file == NULL) {
    free(selection.last);
    return command_fail("%s: %s", path, strerror(errno));
  }
  if (fstat(fileno(file), &status) == 0 && !S_ISREG(status.st_mode)) {
    (void)fclose(file);
    free(selection.last);
    return command_fail("%s is not a file", path);
  }
  print_new_lines(line, file, &selection);
  print_kept_lines(line, &selection);
  if (line->flags[FLAG_FOLLOW] != NULL) {
    follow_journal(line, path, &file, &selection);
  }
  (void)fclose(file);
  if (selection.bad > 0) {
    (void)command_fail("%s: ignored %zu line(s) that are not JSON objects",
                       path, selection.bad);
    return COMMAND_WARNING;
  }
  return COMMAND_OKAY;
}

const struct command journal_command = {
    .name = "journal",
    .operands = "",
    .summary = "show the events of the journal",
    .help = "Reads the file of the journal, so it also works while collectd is "
            "stopped.",
    .flags =
        {[FLAG_FILE] = {"file", "PATH",
                        "the journal (default: " JOURNAL_PATH ")"},
         [FLAG_EVENT] =
             {"event", "KIND",
              "only events of this kind, such as state, response or action"},
         [FLAG_NAME] = {"name", "PATTERN",
                        "only rules or responses that match"},
         [FLAG_SINCE] = {"since", "DURATION",
                         "only events of the last 90s, 15m, 2h or 7d"},
         [FLAG_LINES] = {"lines", "N",
                         "only the last N events of those; also -n N"},
         [FLAG_FOLLOW] =
             {"follow", NULL,
              "also show new lines, even after a rotation, until Ctrl-C"},
         [FLAG_JSON] = {"json", NULL, "print the lines unchanged"}},
    .run = run_journal,
};

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

#include "core/file_util.h"
#include "core/glob.h"
#include "core/json_util.h"
#include "ctl/command.h"

#define JOURNAL_PATH "/var/log/collectd/resource_alert.jsonl"
#define FOLLOW_INTERVAL_MS 200

enum { FLAG_FILE, FLAG_EVENT, FLAG_NAME, FLAG_FOLLOW, FLAG_JSON };

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

/* bad: counts lines that are not JSON, such as one that was cut when the disk
 * was full. */
static void print_line(const struct command_line *line, const char *text,
                       size_t *bad) {
  json_t *event = json_loads(text, 0, NULL);
  if (!json_is_object(event)) {
    (*bad)++;
  } else if (is_selected(line, event)) {
    if (line->flags[FLAG_JSON] != NULL) {
      (void)fputs(text, stdout);
    } else {
      print_event(event);
    }
  }
  json_decref(event);
}

/* Prints whole lines up to the end; a last line that is still being written is
 * left for the next time. */
static void print_new_lines(const struct command_line *line, FILE *file,
                            size_t *bad) {
  char *text = NULL;
  size_t capacity = 0;
  long at = ftell(file);
  ssize_t length;
  while ((length = getline(&text, &capacity, file)) > 0) {
    if (text[length - 1] != '\n') {
      break;
    }
    at = ftell(file);
    print_line(line, text, bad);
  }
  free(text);
  clearerr(file);
  (void)fseek(file, at, SEEK_SET);
  (void)fflush(stdout);
}

/* Reads the old file to its end before it opens the one that took its place, so
 * that no line is lost. Ends when standard output is closed. */
static void follow_journal(const struct command_line *line, const char *path,
                           FILE **file, size_t *bad) {
  while (ferror(stdout) == 0) {
    (void)poll(NULL, 0, FOLLOW_INTERVAL_MS);
    bool is_rotated = !file_is_at(path, fileno(*file));
    print_new_lines(line, *file, bad);
    FILE *next = is_rotated ? fopen(path, "re") : NULL;
    if (next != NULL) {
      (void)fclose(*file);
      *file = next;
      print_new_lines(line, *file, bad);
    }
  }
}

/* A FIFO or a directory would make the reading hang or fail at each line. */
static int run_journal(const struct command_line *line) {
  const char *path =
      line->flags[FLAG_FILE] == NULL ? JOURNAL_PATH : line->flags[FLAG_FILE];
  FILE *file = fopen(path, "re");
  struct stat status;
  if (file == NULL) {
    return command_fail("%s: %s", path, strerror(errno));
  }
  if (fstat(fileno(file), &status) == 0 && !S_ISREG(status.st_mode)) {
    (void)fclose(file);
    return command_fail("%s is not a file", path);
  }
  size_t bad = 0;
  print_new_lines(line, file, &bad);
  if (line->flags[FLAG_FOLLOW] != NULL) {
    follow_journal(line, path, &file, &bad);
  }
  (void)fclose(file);
  if (bad > 0) {
    (void)command_fail("%s: ignored %zu line(s) that are not JSON objects",
                       path, bad);
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
         [FLAG_FOLLOW] =
             {"follow", NULL,
              "also show new lines, even after a rotation, until Ctrl-C"},
         [FLAG_JSON] = {"json", NULL, "print the lines unchanged"}},
    .run = run_journal,
};

/* SPDX-License-Identifier: MIT */
/* alert_state_file: alert states and undelivered events, kept over a restart
 * and over kill -9. */
#include "resource_alert/alerts/alert_state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_util.h"
#include "resource_alert/alerts/alert_state_line.h"

#define HEAD_LINE "{\"format\":\"resource_alert alerts\",\"version\":1}"
#define MARKS_LINE_BYTES 80
#define BYTES_MAX ((size_t)1 << 30)
#define REWRITE_MS 10000
#define LINES_PER_MS 5 /* so a rewrite that fails takes a tenth of a core */
#define SPARE_LINES 1000
/* More than a slow listener and a slow disk leave undelivered together; further
 * events are written to the file, but not held for its next rewrite. */
#define OUTBOX_MAX 8192

/* An event that was not delivered to all, as its line in the file. */
struct outbox_event {
  struct outbox_event *next;
  uint64_t number;
  char *line; /* owned */
};

struct alert_state_file {
  char *path;
  const struct log_sink *log;
  int fd;           /* for appending; -1: none */
  size_t lines;     /* in the file */
  size_t last_full; /* lines of the last rewrite */
  int64_t rewritten_ms;
  bool is_behind;                       /* something was not written */
  struct outbox_event *oldest, *newest; /* the outbox */
  size_t outbox_len;
  struct delivery_marks marks; /* as they stand in the file */
  uint64_t last_number;        /* of an event */
  struct complaint complaint;
};

/* ---- the first line ---- */

static int check_head(const char *line, struct error *error) {
  json_t *head = json_loads(line, 0, NULL);
  const char *format = "";
  json_int_t version = 0;
  bool is_head = json_unpack(head, "{ss sI}", "format", &format, "version",
                             &version) == 0 &&
                 strcmp(format, "resource_alert alerts") == 0;
  json_decref(head);
  if (!is_head) {
    return error_set(error, -EINVAL, "is no state file of this plugin");
  }
  return version == 1 ? 0
                      : error_set(error, -EINVAL, "is of version %lld, not 1",
                                  (long long)version);
}

/* ---- the outbox ---- */

/* line: taken, also when memory is short or the outbox is full; NULL: none. */
static void outbox_add(struct alert_state_file *file, uint64_t number,
                       char *line) {
  struct outbox_event *event = line != NULL && file->outbox_len < OUTBOX_MAX
                                   ? malloc(sizeof(*event))
                                   : NULL;
  if (event == NULL) {
    free(line);
    return;
  }
  *event = (struct outbox_event){.number = number, .line = line};
  if (file->newest == NULL) {
    file->oldest = event;
  } else {
    file->newest->next = event;
  }
  file->newest = event;
  file->outbox_len++;
}

/* Removes the events up to NUMBER. */
static void outbox_remove(struct alert_state_file *file, uint64_t number) {
  while (file->oldest != NULL && file->oldest->number <= number) {
    struct outbox_event *event = file->oldest;
    file->oldest = event->next;
    file->newest = event->next == NULL ? NULL : file->newest;
    file->outbox_len--;
    free(event->line);
    free(event);
  }
}

static uint64_t larger_number(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* Returns false if MARKS raise none. */
static bool raise_marks(struct alert_state_file *file,
                        const struct delivery_marks *marks) {
  struct delivery_marks before = file->marks;
  file->marks.notified = larger_number(before.notified, marks->notified);
  file->marks.journaled = larger_number(before.journaled, marks->journaled);
  return file->marks.notified > before.notified ||
         file->marks.journaled > before.journaled;
}

static uint64_t delivered_to_all(const struct delivery_marks *marks) {
  return marks->notified < marks->journaled ? marks->notified
                                            : marks->journaled;
}

/* ---- life ---- */

int alert_state_file_new(const char *directory, const struct log_sink *log,
                         struct alert_state_file **ret_file) {
  struct alert_state_file *file = calloc(1, sizeof(*file));
  if (file == NULL || asprintf(&file->path, "%s/alerts.jsonl", directory) < 0) {
    free(file);
    return -ENOMEM;
  }
  (void)mkdir(directory, 0750);
  file->log = log;
  file->fd = -1;
  *ret_file = file;
  return 0;
}

void alert_state_file_free(struct alert_state_file *file) {
  if (file == NULL) {
    return;
  }
  if (file->fd >= 0) {
    (void)close(file->fd);
  }
  outbox_remove(file, UINT64_MAX);
  free(file->path);
  free(file);
}

/* ---- restoring ---- */

/* A wall time as the monotonic clock would have shown it; never in the
 * future. */
static int64_t monotonic_of_wall(const struct alert_restore *restore,
                                 int64_t wall_ms) {
  int64_t ago_ms = restore->wall_ms - wall_ms;
  return restore->now_ms - (ago_ms > 0 ? ago_ms : 0);
}

/* The series of an alert, locked; NULL if no rule watches it. */
static struct series *lock_series_of(const struct alert_restore *restore,
                                     const struct alert_state_line *line) {
  const struct reading_names *names = &line->event.names;
  struct series *series =
      series_table_lock_notified(restore->table, line->rule, names);
  struct reading reading = {
      .names = names,
      .interval_ns = line->event.interval_ms * 1000000,
  };
  bool is_value =
      series == NULL &&
      restore->find_type(names->type, &reading.type, &reading.values_len) == 0;
  return is_value ? series_table_lock_restored(restore->table, &reading)
                  : series;
}

static void restore_alert(const struct alert_restore *restore,
                          struct alert_state_line *line, bool is_undelivered) {
  struct alert_event *event = &line->event;
  struct series *series = lock_series_of(restore, line);
  if (series == NULL) {
    return;
  }
  struct alert restored = {0};
  alert_restore(&restored, event->change.to, event->is_notified,
                event->since_wall_ms);
  const struct series_alert *alert =
      series_restore(series, line->rule, event->source, &restored,
                     monotonic_of_wall(restore, event->notified_wall_ms));
  if (alert != NULL) {
    alert_event_name(event, alert);
    event->is_redelivered = true;
  }
  series_unlock(series);
  if (alert != NULL && is_undelivered) {
    restore->take_undelivered(restore->context, event);
  }
}

/* The last line of an alert counts, as it comes last. TEXT: one line, without
 * its newline. */
static void restore_line(struct alert_state_file *file, const char *text,
                         const struct alert_restore *restore) {
  struct alert_state_line line;
  if (alert_state_line_read(text, &line) != 0) {
    return;
  }
  uint64_t number = line.event.number;
  bool is_undelivered = number > delivered_to_all(&file->marks);
  if (is_undelivered) {
    char *copy = NULL;
    outbox_add(file, number, asprintf(&copy, "%s\n", text) < 0 ? NULL : copy);
  }
  file->last_number = larger_number(file->last_number, number);
  if (!line.is_marks) {
    restore_alert(restore, &line, is_undelivered);
  }
  json_decref(line.json);
}

/* Looks at a line before any is restored: takes its marks. */
static int check_line(struct alert_state_file *file, const char *text,
                      struct error *error) {
  struct alert_state_line line;
  if (alert_state_line_read(text, &line) != 0) {
    return error_set(error, -EINVAL, "is no alert");
  }
  (void)raise_marks(file, &line.marks);
  json_decref(line.json);
  return 0;
}

/* Cuts TEXT into lines and restores them or, if restore is NULL, checks
 * them. */
static int read_lines(struct alert_state_file *file, char *text,
                      const struct alert_restore *restore,
                      struct error *error) {
  size_t number = 1;
  for (char *line = text; *line != '\0'; number++) {
    char *end = strchr(line, '\n');
    int code = 0;
    if (end == NULL) {
      return 0; /* cut by a kill: its event was not delivered to anybody */
    }
    *end = '\0';
    if (restore != NULL && number > 1) {
      restore_line(file, line, restore);
    } else if (restore == NULL) {
      code =
          number == 1 ? check_head(line, error) : check_line(file, line, error);
    }
    *end = '\n';
    if (code != 0) {
      error_prefix(error, "line %zu", number);
      return code;
    }
    line = end + 1;
  }
  return 0;
}

static int check_owner(const char *path, struct error *error) {
  struct stat status;
  if (lstat(path, &status) != 0) {
    return -errno;
  }
  if (!S_ISREG(status.st_mode)) {
    return error_set(error, -EINVAL, "is no regular file");
  }
  if (status.st_uid != geteuid()) {
    return error_set(error, -EPERM, "belongs to another user (%u)",
                     (unsigned)status.st_uid);
  }
  return 0;
}

static void set_aside(struct alert_state_file *file, const char *why) {
  struct error error = {{0}};
  file->marks = (struct delivery_marks){0};
  if (file_set_aside(file->path, &error) == 0) {
    log_write(file->log, LOG_LEVEL_WARNING,
              "state file %s: %s; moved to %s.bad, states start afresh",
              file->path, why, file->path);
  } else {
    log_write(file->log, LOG_LEVEL_WARNING, "state file %s: %s; not read: %s",
              file->path, why, error.text);
  }
}

void alert_state_file_restore(struct alert_state_file *file,
                              const struct alert_restore *restore) {
  struct error error = {{0}};
  char *text = NULL;
  size_t bytes = 0;
  int code = check_owner(file->path, &error);
  if (code == -ENOENT || code == -ENOTDIR) {
    return;
  }
  if (code == 0) {
    code = file_read(file->path, BYTES_MAX, &text, &bytes, &error);
  }
  if (code == 0 && strlen(text) != bytes) {
    code = error_set(&error, -EINVAL, "has a NUL in it");
  }
  if (code == 0) {
    code = read_lines(file, text, NULL, &error);
  }
  if (code == 0) {
    file->last_number =
        larger_number(file->marks.notified, file->marks.journaled);
    (void)read_lines(file, text, restore, NULL);
  } else {
    set_aside(file, error.text[0] == '\0' ? strerror(-code) : error.text);
  }
  free(text);
}

/* ---- writing ---- */

static void note_outcome(struct alert_state_file *file, int code,
                         const char *why, int64_t now_ms) {
  file->is_behind = code != 0;
  if (code != 0 && complaint_fail(&file->complaint, now_ms)) {
    log_write(file->log, LOG_LEVEL_ERROR,
              "state file %s: cannot write: %s; alerts go on, a restart may "
              "repeat some",
              file->path, why);
  }
  if (code == 0 && complaint_clear(&file->complaint, now_ms, NULL)) {
    log_write(file->log, LOG_LEVEL_NOTICE, "state file %s: written again",
              file->path);
  }
}

static void append_line(struct alert_state_file *file, const char *line,
                        int64_t now_ms) {
  if (file->fd < 0) {
    file->is_behind = true;
    return;
  }
  size_t length = strlen(line);
  ssize_t written = write(file->fd, line, length);
  int code = written == (ssize_t)length ? 0 : written < 0 ? -errno : -ENOSPC;
  file->lines++;
  if (code != 0) { /* a torn line would spoil the next one: rewrite first */
    (void)close(file->fd);
    file->fd = -1;
    note_outcome(file, code, strerror(-code), now_ms);
  }
}

uint64_t alert_state_file_last_number(const struct alert_state_file *file) {
  return file->last_number;
}

void alert_state_file_append(struct alert_state_file *file,
                             struct alert_event *event, int64_t now_ms) {
  event->number = ++file->last_number;
  char *line = alert_state_line_format(event);
  if (line == NULL) {
    file->is_behind = true;
    return;
  }
  append_line(file, line, now_ms);
  outbox_add(file, event->number, line);
}

struct delivery_marks
alert_state_file_marks(const struct alert_state_file *file) {
  return file->marks;
}

static void format_marks(const struct alert_state_file *file,
                         char text[MARKS_LINE_BYTES]) {
  (void)snprintf(text, MARKS_LINE_BYTES,
                 "{\"notified\":%llu,\"journaled\":%llu}\n",
                 (unsigned long long)file->marks.notified,
                 (unsigned long long)file->marks.journaled);
}

void alert_state_file_mark(struct alert_state_file *file,
                           const struct delivery_marks *marks, int64_t now_ms) {
  char text[MARKS_LINE_BYTES];
  if (!raise_marks(file, marks)) {
    return;
  }
  outbox_remove(file, delivered_to_all(&file->marks));
  format_marks(file, text);
  append_line(file, text, now_ms);
}

/* ---- rewriting ---- */

/* The new content while it is made. */
struct rewriting {
  FILE *stream;
  size_t lines;
};

static void add_line(struct rewriting *rewriting, const char *line) {
  if (line != NULL) {
    (void)fputs(line, rewriting->stream);
    rewriting->lines++;
  }
}

/* A change that waits for its dispatch is saved as the state before it: it is
 * dispatched, and saved, later. */
static void add_series(struct rewriting *rewriting, const struct series *series,
                       int64_t now_ms, int64_t wall_ms) {
  for (size_t i = 0; i < series->alerts_len; i++) {
    const struct series_alert *alert = &series->alerts[i];
    struct alert_event event = {
        .change = {.to = series_alert_dispatched(alert)},
        .is_notified = alert->was_notified,
        .since_wall_ms = alert->alert.since_wall_ms,
        .notified_wall_ms = wall_ms - (now_ms - alert->notified_ms),
    };
    if (event.change.to != ALERT_UNKNOWN && event.since_wall_ms >= 0 &&
        event.notified_wall_ms >= 0) {
      alert_event_name(&event, alert);
      char *line = alert_state_line_format(&event);
      add_line(rewriting, line);
      free(line);
    }
  }
}

static void add_all(struct alert_state_file *file, struct rewriting *rewriting,
                    struct series_table *table, int64_t now_ms,
                    int64_t wall_ms) {
  struct series *series;
  add_line(rewriting, HEAD_LINE "\n");
  struct series_cursor cursor = {0};
  while ((series = series_table_lock_next(table, &cursor)) != NULL) {
    add_series(rewriting, series, now_ms, wall_ms);
    series_unlock(series);
  }
  const struct outbox_event *event = file->oldest;
  for (; event != NULL; event = event->next) {
    add_line(rewriting, event->line);
  }
  if (file->last_number > 0) {
    char marks[MARKS_LINE_BYTES];
    format_marks(file, marks);
    add_line(rewriting, marks);
  }
}

/* Puts TEXT in place of the file and opens it for appending. */
static int replace_file(struct alert_state_file *file, const char *text,
                        size_t bytes, struct error *error) {
  int code = file_replace(file->path, text, bytes, 0640, false, error);
  if (code != 0) {
    return code;
  }
  int fd = open(file->path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) {
    return error_set(error, -errno, "%s", strerror(errno));
  }
  if (file->fd >= 0) {
    (void)close(file->fd);
  }
  file->fd = fd;
  return 0;
}

void alert_state_file_rewrite(struct alert_state_file *file,
                              struct series_table *table, int64_t now_ms,
                              int64_t wall_ms) {
  struct error error = {{0}};
  char *text = NULL;
  size_t bytes = 0;
  int code = -ENOMEM;
  struct rewriting rewriting = {.stream = open_memstream(&text, &bytes)};
  if (rewriting.stream != NULL) {
    add_all(file, &rewriting, table, now_ms, wall_ms);
    code = fclose(rewriting.stream) == 0 ? 0 : -ENOMEM;
  }
  code = code == 0 ? replace_file(file, text, bytes, &error)
                   : error_set(&error, code, "out of memory");
  free(text);
  file->rewritten_ms = now_ms;
  file->lines = rewriting.lines;
  file->last_full = rewriting.lines;
  note_outcome(file, code, error.text, now_ms);
}

bool alert_state_file_wants_rewrite(const struct alert_state_file *file,
                                    int64_t now_ms) {
  bool is_behind = file->is_behind || file->fd < 0;
  bool has_grown = file->lines > 2 * file->last_full + SPARE_LINES;
  int64_t cost_ms = (int64_t)(file->last_full / LINES_PER_MS);
  int64_t pause_ms = is_behind && cost_ms < REWRITE_MS ? cost_ms : REWRITE_MS;
  return (is_behind || has_grown) && now_ms - file->rewritten_ms >= pause_ms;
}

/* SPDX-License-Identifier: MIT */
/* state_file: alert states over a restart. Names may hold any bytes: all but
 * plain ASCII is written as %XX, so that every line is valid JSON. */
#include "resource_alert/event/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_util.h"
#include "core/log.h"
#include "resource_alert/event/state_line.h"

#define BYTES_MAX ((size_t)1 << 30)
#define REWRITE_MS 10000
#define LINES_PER_MS 5 /* rewriting in vain takes a tenth of a core at most */
#define SPARE_LINES 1000

struct state_file {
  char *path;
  const struct log_sink *log;
  int file;         /* for appending; -1: none */
  size_t lines;     /* in the file */
  size_t last_full; /* lines of the last rewrite */
  int64_t rewritten_ms;
  bool is_behind; /* something could not be written */
  struct untold untold;
  struct untold_marks marks; /* as they stand in the file */
  uint64_t last_number;      /* of a change */
  struct complaint complaint;
  FILE *rewrite; /* between begin and end */
  char *text;
  size_t text_bytes;
};

int state_file_new(const char *directory, const struct log_sink *log,
                   struct state_file **ret_file) {
  struct state_file *file = calloc(1, sizeof(*file));
  if (file == NULL || asprintf(&file->path, "%s/alerts.jsonl", directory) < 0) {
    free(file);
    return -ENOMEM;
  }
  (void)mkdir(directory, 0750);
  file->log = log;
  file->file = -1;
  *ret_file = file;
  return 0;
}

void state_file_free(struct state_file *file) {
  if (file == NULL) {
    return;
  }
  if (file->file >= 0) {
    (void)close(file->file);
  }
  untold_fini(&file->untold);
  free(file->path);
  free(file);
}

/* ---- reading ---- */

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

typedef void take_alert(void *context, const struct stored_alert *alert);

/* Cuts TEXT into lines and hands them on, or, without TAKE, only checks them.
 */
static int parse(char *text, take_alert *take, void *context,
                 struct untold_marks *marks, struct error *error) {
  size_t number = 1;
  for (char *line = text; *line != '\0'; number++) {
    char *end = strchr(line, '\n');
    if (end == NULL) {
      return 0; /* torn by a kill: what it said was told to nobody */
    }
    *end = '\0';
    int code = number == 1
                   ? state_line_check_head(line, error)
                   : state_line_parse(line, take, context, marks, error);
    *end = '\n';
    if (code != 0) {
      error_prefix(error, "line %zu", number);
      return code;
    }
    line = end + 1;
  }
  return 0;
}

static void set_aside(struct state_file *file, const char *why) {
  struct error error = {{0}};
  if (file_set_aside(file->path, &error) == 0) {
    log_write(file->log, LOG_LEVEL_WARNING,
              "state file %s: %s; moved to %s.bad, states start afresh",
              file->path, why, file->path);
  } else {
    log_write(file->log, LOG_LEVEL_WARNING, "state file %s: %s; not read: %s",
              file->path, why, error.text);
  }
}

/* What an alert of the file goes through. */
struct loading {
  struct state_file *file;
  take_alert *take;
  void *context;
};

static void take_loaded(void *context, const struct stored_alert *alert) {
  const struct loading *loading = context;
  struct state_file *file = loading->file;
  const struct stored_change *change = alert->change;
  if (change != NULL) {
    untold_put(&file->untold, change->number, state_line_format(alert));
    file->last_number =
        change->number > file->last_number ? change->number : file->last_number;
  }
  loading->take(loading->context, alert);
}

/* TEXT makes sense, and its marks are known. */
static void take_all(struct state_file *file, char *text, take_alert *take,
                     void *context) {
  struct loading loading = {.file = file, .take = take, .context = context};
  struct untold_marks *marks = &file->marks;
  file->last_number =
      marks->notified > marks->journaled ? marks->notified : marks->journaled;
  (void)parse(text, take_loaded, &loading, marks, NULL);
  untold_settle(&file->untold, marks);
}

void state_file_load(struct state_file *file, take_alert *take, void *context,
                     struct untold_marks *ret_marks) {
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
    code = parse(text, NULL, NULL, &file->marks, &error);
  }
  if (code == 0) {
    *ret_marks = file->marks;
    take_all(file, text, take, context);
  } else {
    file->marks = (struct untold_marks){0};
    set_aside(file, error.text[0] == '\0' ? strerror(-code) : error.text);
  }
  free(text);
}

/* ---- writing ---- */

static void settle(struct state_file *file, int code, const char *why,
                   int64_t now_ms) {
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

static void append(struct state_file *file, const char *line, int64_t now_ms) {
  if (file->file < 0) {
    file->is_behind = true;
    return;
  }
  size_t length = strlen(line);
  ssize_t written = write(file->file, line, length);
  int code = written == (ssize_t)length ? 0 : written < 0 ? -errno : -ENOSPC;
  file->lines++;
  if (code != 0) { /* a torn line would spoil what follows: rewrite first */
    (void)close(file->file);
    file->file = -1;
    settle(file, code, strerror(-code), now_ms);
  }
}

uint64_t state_file_next(const struct state_file *file) {
  return file->last_number + 1;
}

void state_file_append(struct state_file *file,
                       const struct stored_alert *alert, int64_t now_ms) {
  char *line = state_line_format(alert);
  if (line == NULL) {
    file->is_behind = true;
    return;
  }
  append(file, line, now_ms);
  if (alert->change == NULL) {
    free(line);
    return;
  }
  file->last_number = alert->change->number;
  untold_put(&file->untold, alert->change->number, line);
}

struct untold_marks state_file_marks(const struct state_file *file) {
  return file->marks;
}

void state_file_mark(struct state_file *file, const struct untold_marks *marks,
                     int64_t now_ms) {
  char text[STATE_LINE_MARKS_BYTES];
  if (!untold_marks_raise(&file->marks, marks)) {
    return;
  }
  untold_settle(&file->untold, &file->marks);
  state_line_format_marks(&file->marks, text);
  append(file, text, now_ms);
}

void state_file_begin(struct state_file *file) {
  file->text = NULL;
  file->rewrite = open_memstream(&file->text, &file->text_bytes);
  file->lines = 1;
  if (file->rewrite != NULL) {
    (void)fputs(STATE_LINE_HEAD "\n", file->rewrite);
  }
}

void state_file_add(struct state_file *file, const struct stored_alert *alert) {
  char *line = file->rewrite != NULL ? state_line_format(alert) : NULL;
  if (line != NULL) {
    (void)fputs(line, file->rewrite);
    file->lines++;
  }
  free(line);
}

static void add_untold(struct state_file *file) {
  char text[STATE_LINE_MARKS_BYTES];
  const struct untold_change *change = file->untold.first;
  for (; file->rewrite != NULL && change != NULL; change = change->next) {
    (void)fputs(change->line, file->rewrite);
    file->lines++;
  }
  state_line_format_marks(&file->marks, text);
  if (file->rewrite != NULL && file->last_number > 0) {
    (void)fputs(text, file->rewrite);
    file->lines++;
  }
}

static int replace(struct state_file *file, struct error *error) {
  if (file->rewrite == NULL || fclose(file->rewrite) != 0) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = file_replace(file->path, file->text, file->text_bytes, 0640, false,
                          error);
  if (code != 0) {
    return code;
  }
  int renewed = open(file->path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (renewed < 0) {
    return error_set(error, -errno, "%s", strerror(errno));
  }
  if (file->file >= 0) {
    (void)close(file->file);
  }
  file->file = renewed;
  return 0;
}

void state_file_end(struct state_file *file, int64_t now_ms) {
  struct error error = {{0}};
  add_untold(file);
  int code = replace(file, &error);
  free(file->text);
  file->text = NULL;
  file->rewrite = NULL;
  file->rewritten_ms = now_ms;
  file->last_full = file->lines;
  settle(file, code, error.text, now_ms);
}

bool state_file_wants_rewrite(const struct state_file *file, int64_t now_ms) {
  bool is_behind = file->is_behind || file->file < 0;
  bool has_grown = file->lines > 2 * file->last_full + SPARE_LINES;
  int64_t cost_ms = (int64_t)(file->last_full / LINES_PER_MS);
  int64_t pause_ms = is_behind && cost_ms < REWRITE_MS ? cost_ms : REWRITE_MS;
  return (is_behind || has_grown) && now_ms - file->rewritten_ms >= pause_ms;
}

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

#include "core/atomic_file.h"
#include "core/complaint.h"
#include "resource_alert/event/state_line.h"

#define BYTES_MAX ((size_t)1 << 30)
#define REWRITE_MS 10000
#define SPARE_LINES 1000

struct state_file {
  char *path;
  const struct report_sink *log;
  int file;         /* for appending; -1: none */
  size_t lines;     /* in the file */
  size_t last_full; /* lines of the last rewrite */
  int64_t rewritten_ms;
  bool is_behind; /* something could not be written */
  struct complaint complaint;
  FILE *rewrite; /* between begin and end */
  char *text;
  size_t text_bytes;
};

int state_file_new(const char *directory, const struct report_sink *log,
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
                 struct error *error) {
  size_t number = 1;
  for (char *line = text; *line != '\0'; number++) {
    char *end = strchr(line, '\n');
    if (end == NULL) {
      return 0; /* torn by a kill: what it said was not told to anybody */
    }
    *end = '\0';
    int code = number == 1 ? state_line_check_head(line, error)
                           : state_line_parse(line, take, context, error);
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
  if (atomic_file_set_aside(file->path, &error) == 0) {
    report(file->log, REPORT_WARNING,
           "state file %s: %s; moved to %s.bad, states start afresh",
           file->path, why, file->path);
  } else {
    report(file->log, REPORT_WARNING, "state file %s: %s; not read: %s",
           file->path, why, error.text);
  }
}

void state_file_load(struct state_file *file, take_alert *take, void *context) {
  struct error error = {{0}};
  char *text = NULL;
  size_t bytes = 0;
  int code = check_owner(file->path, &error);
  if (code == -ENOENT || code == -ENOTDIR) {
    return;
  }
  if (code == 0) {
    code = atomic_file_read(file->path, BYTES_MAX, &text, &bytes, &error);
  }
  if (code == 0 && strlen(text) != bytes) {
    code = error_set(&error, -EINVAL, "has a NUL in it");
  }
  if (code == 0) {
    code = parse(text, NULL, NULL, &error);
  }
  if (code == 0) {
    (void)parse(text, take, context, NULL);
  } else {
    set_aside(file, error.text[0] == '\0' ? strerror(-code) : error.text);
  }
  free(text);
}

/* ---- writing ---- */

static void settle(struct state_file *file, int code, const char *why,
                   int64_t now_ms) {
  file->is_behind = code != 0;
  if (code != 0 && complaint_fail(&file->complaint, now_ms)) {
    report(file->log, REPORT_ERROR,
           "state file %s: cannot write: %s; alerts go on, a restart may "
           "repeat some",
           file->path, why);
  }
  if (code == 0 && complaint_clear(&file->complaint, now_ms, NULL)) {
    report(file->log, REPORT_NOTICE, "state file %s: written again",
           file->path);
  }
}

void state_file_append(struct state_file *file,
                       const struct stored_alert *alert, int64_t now_ms) {
  char *line = file->file >= 0 ? state_line_format(alert) : NULL;
  if (line == NULL) {
    file->is_behind = true;
    return;
  }
  size_t length = strlen(line);
  ssize_t written = write(file->file, line, length);
  int code = written == (ssize_t)length ? 0 : written < 0 ? -errno : -ENOSPC;
  free(line);
  file->lines++;
  if (code != 0) { /* a torn line would spoil what follows: rewrite first */
    (void)close(file->file);
    file->file = -1;
    settle(file, code, strerror(-code), now_ms);
  }
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

static int replace(struct state_file *file, struct error *error) {
  if (file->rewrite == NULL || fclose(file->rewrite) != 0) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = atomic_file_write(file->path, file->text, file->text_bytes, 0640,
                               false, error);
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
  int code = replace(file, &error);
  free(file->text);
  file->text = NULL;
  file->rewrite = NULL;
  file->rewritten_ms = now_ms;
  file->last_full = file->lines;
  settle(file, code, error.text, now_ms);
}

bool state_file_wants_rewrite(const struct state_file *file, int64_t now_ms) {
  bool is_due = file->is_behind || file->file < 0 ||
                file->lines > 2 * file->last_full + SPARE_LINES;
  return is_due && now_ms - file->rewritten_ms >= REWRITE_MS;
}

/* SPDX-License-Identifier: MIT */
/* desired_state: the file that keeps over a restart what is engaged. */
#include "resource_alert/response/desired_state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/atomic_file.h"
#include "resource_alert/json_line.h"

#define HEAD "{\"version\":1}\n"
#define FILE_BYTES_MAX 67108864
#define FILE_MODE 0640
#define SPARE_BYTES 1048576 /* some 3000 acts: a rewrite is rare */

struct desired_state {
  char *path; /* NULL: nothing is kept */
  pthread_mutex_t lock;
  /* The rest is under the lock. */
  json_t *entries;   /* by response */
  int file;          /* for appending; -1: to be written anew */
  size_t bytes;      /* in the file */
  size_t last_bytes; /* when it was written anew */
};

/* ---- lines ---- */

/* {"response":NAME, and what ENTRY holds}. Yours, free(). */
static char *format_line(const char *response, json_t *entry) {
  json_t *line = json_pack("{s:s}", "response", response);
  bool is_whole = json_object_update_missing(line, entry) == 0;
  char *text = is_whole ? json_line(line) : NULL;
  json_decref(line);
  return text;
}

static bool take_line(json_t *entries, const char *line, size_t number) {
  json_t *entry = json_loads(line, 0, NULL);
  const char *response = json_string_value(json_object_get(entry, "response"));
  bool makes_sense =
      number == 1
          ? json_integer_value(json_object_get(entry, "version")) == 1
          : response != NULL && json_object_set(entries, response, entry) == 0;
  json_decref(entry);
  return makes_sense;
}

/* The last line may lack its end, when the power went: it is passed over.
 * Returns the number of the first line that makes no sense, or 0. */
static size_t take_lines(json_t *entries, char *text) {
  char *line = text;
  char *end;
  for (size_t number = 1; (end = strchr(line, '\n')) != NULL; number++) {
    *end = '\0';
    if (!take_line(entries, line, number)) {
      return number;
    }
    line = end + 1;
  }
  return 0;
}

static void read_file(struct desired_state *states,
                      const struct report_sink *log) {
  char *text = NULL;
  size_t bytes = 0;
  struct error error = {{0}};
  int code =
      atomic_file_read(states->path, FILE_BYTES_MAX, &text, &bytes, &error);
  if (code == -ENOENT) {
    return;
  }
  size_t bad_line = code == 0 ? take_lines(states->entries, text) : 0;
  free(text);
  if (bad_line > 0) {
    code = error_set(&error, -EINVAL, "%s: line %zu makes no sense",
                     states->path, bad_line);
    (void)atomic_file_set_aside(states->path, NULL);
  }
  if (code != 0) {
    report(log, REPORT_ERROR,
           "desired states: %s; what was engaged after that is not known",
           error.text);
  }
}

/* ---- writing; under the lock ---- */

/* All lines there are; yours, free(); NULL when memory is short. */
static char *format_all(const struct desired_state *states, size_t *ret_bytes) {
  char *text = NULL;
  FILE *stream = open_memstream(&text, ret_bytes);
  if (stream == NULL) {
    return NULL;
  }
  bool is_whole = fputs(HEAD, stream) >= 0;
  const char *response;
  json_t *entry;
  json_object_foreach(states->entries, response, entry) {
    char *line = format_line(response, entry);
    is_whole = line != NULL && fputs(line, stream) >= 0 && is_whole;
    free(line);
  }
  if (fclose(stream) != 0 || !is_whole) {
    free(text);
    return NULL;
  }
  return text;
}

static void close_file(struct desired_state *states) {
  if (states->file >= 0) {
    (void)close(states->file);
    states->file = -1;
  }
}

static int rewrite(struct desired_state *states, bool is_durable,
                   struct error *error) {
  size_t bytes = 0;
  char *text = format_all(states, &bytes);
  if (text == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = atomic_file_write(states->path, text, bytes, FILE_MODE, is_durable,
                               error);
  free(text);
  if (code != 0) {
    return code;
  }
  close_file(states);
  states->bytes = states->last_bytes = bytes;
  states->file = open(states->path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (states->file < 0) {
    code = -errno;
    return error_set(error, code, "%s: %s", states->path, strerror(-code));
  }
  return 0;
}

static int append(struct desired_state *states, const char *response,
                  json_t *entry, struct error *error) {
  char *line = format_line(response, entry);
  if (line == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  size_t length = strlen(line);
  ssize_t written = write(states->file, line, length);
  int code = written == (ssize_t)length ? 0 : written < 0 ? -errno : -ENOSPC;
  free(line);
  states->bytes += length;
  if (code != 0) { /* a torn line would spoil what follows it */
    close_file(states);
    return error_set(error, code, "%s: cannot write: %s", states->path,
                     strerror(-code));
  }
  return 0;
}

/* ---- the whole ---- */

int desired_state_new(const char *path, const struct report_sink *log,
                      struct desired_state **ret, struct error *error) {
  struct desired_state *states = calloc(1, sizeof(*states));
  if (states == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  (void)pthread_mutex_init(&states->lock, NULL);
  states->file = -1;
  states->entries = json_object();
  states->path = path == NULL ? NULL : strdup(path);
  if (states->entries == NULL || (path != NULL && states->path == NULL)) {
    desired_state_free(states);
    return error_set(error, -ENOMEM, "out of memory");
  }
  if (path != NULL) {
    read_file(states, log);
    (void)rewrite(states, true, NULL);
  }
  *ret = states;
  return 0;
}

void desired_state_free(struct desired_state *states) {
  if (states == NULL) {
    return;
  }
  close_file(states);
  json_decref(states->entries);
  free(states->path);
  (void)pthread_mutex_destroy(&states->lock);
  free(states);
}

json_t *desired_state_get(struct desired_state *states, const char *response) {
  (void)pthread_mutex_lock(&states->lock);
  json_t *entry = json_deep_copy(json_object_get(states->entries, response));
  (void)pthread_mutex_unlock(&states->lock);
  return entry;
}

int desired_state_put(struct desired_state *states, const char *response,
                      json_t *entry, struct error *error) {
  (void)pthread_mutex_lock(&states->lock);
  int code = json_object_set(states->entries, response, entry) == 0
                 ? 0
                 : error_set(error, -ENOMEM, "out of memory");
  if (code == 0 && states->path != NULL) {
    code = states->file < 0 ? rewrite(states, false, error)
                            : append(states, response, entry, error);
  }
  json_decref(entry);
  (void)pthread_mutex_unlock(&states->lock);
  return code;
}

int desired_state_sync(struct desired_state *states, struct error *error) {
  int code = 0;
  int file = -1; /* the file's own may be closed meanwhile */
  (void)pthread_mutex_lock(&states->lock);
  bool has_grown = states->bytes > 2 * states->last_bytes + SPARE_BYTES;
  if (states->file >= 0 && has_grown) {
    code = rewrite(states, true, error);
  } else if (states->file >= 0) {
    file = fcntl(states->file, F_DUPFD_CLOEXEC, 0);
  }
  (void)pthread_mutex_unlock(&states->lock);
  if (file >= 0) {
    code = fdatasync(file) == 0 ? 0 : -errno;
    (void)close(file);
    if (code != 0) {
      (void)error_set(error, code, "%s: %s", states->path, strerror(-code));
    }
  }
  return code;
}

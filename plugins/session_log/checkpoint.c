/* SPDX-License-Identifier: MIT */
/* checkpoint: a log's offsets and counters in one file, over a restart. */
#include "session_log/checkpoint.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file_util.h"
#include "session_log/hash.h"
#include "session_log/logbook_state.h"
#include "session_log/logbook_store.h"

/* The largest table and thousands of paths stay far below. */
#define FILE_BYTES_MAX (size_t)(INT32_MAX)
#define DIRECTORY_MODE 0750
#define FILE_MODE 0640

static int path_of(const struct logbook *logbook, const char *directory,
                   char path[PATH_MAX]) {
  int bytes = snprintf(path, PATH_MAX, "%s/%s.state", directory,
                       logbook->options->head.label);
  return bytes > 0 && bytes < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static void set_aside(struct logbook *logbook, const char *path) {
  struct error error = {{0}};
  int code = file_set_aside(path, &error);
  log_write(
      logbook->sinks.report, LOG_LEVEL_WARNING,
      "log \"%s\": %s: makes no sense; %s; the log is followed as for the "
      "first time",
      logbook->options->head.label, path,
      code == 0 ? "moved to .bad" : error.text);
}

int checkpoint_load(struct logbook *logbook, const char *directory,
                    const struct moment *now) {
  char path[PATH_MAX];
  char *data = NULL;
  size_t bytes = 0;
  struct error error = {{0}};
  int code = path_of(logbook, directory, path);
  file_sweep_leftovers(directory, 0);
  if (code == 0) {
    code = file_read(path, FILE_BYTES_MAX, &data, &bytes, &error);
  }
  if (code == -ENOENT || code == -ENOTDIR) {
    return 0;
  }
  if (code != 0) {
    log_write(logbook->sinks.report, LOG_LEVEL_WARNING,
              "log \"%s\": %s; the log is followed as for the first time",
              logbook->options->head.label, error.text);
    return code == -ENOMEM ? code : 0;
  }
  code = logbook_load(logbook, now->mono_ms, data, bytes);
  free(data);
  if (code == -EINVAL) {
    set_aside(logbook, path);
    code = 0;
  }
  return code;
}

static int write_record(const struct record_writer *writer, const char *path,
                        const char *directory, struct error *error) {
  int code =
      file_replace(path, writer->data, writer->bytes, FILE_MODE, true, error);
  if (code == -ENOENT && file_make_directory(directory, DIRECTORY_MODE) == 0) {
    code =
        file_replace(path, writer->data, writer->bytes, FILE_MODE, true, error);
  }
  return code;
}

static void say_outcome(struct logbook *logbook, int code,
                        const struct error *error, const struct moment *now) {
  if (code == 0) {
    if (complaint_clear(&logbook->unsaved, now->mono_ms, NULL)) {
      log_write(logbook->sinks.report, LOG_LEVEL_NOTICE,
                "log \"%s\": its state is saved again",
                logbook->options->head.label);
    }
  } else if (complaint_fail(&logbook->unsaved, now->mono_ms)) {
    log_write(logbook->sinks.report, LOG_LEVEL_WARNING,
              "log \"%s\": %s; a restart will lose its place",
              logbook->options->head.label, error->text);
  }
}

void checkpoint_save(struct logbook *logbook, const char *directory,
                     const struct moment *now) {
  char path[PATH_MAX];
  struct error error = {{0}};
  struct record_writer writer = {0};
  logbook_save(logbook, now->mono_ms, &writer);
  uint64_t sum =
      writer.is_failed ? 0 : hash_bytes(writer.data, writer.bytes, 0);
  if (!writer.is_failed && sum == logbook->saved_sum) {
    record_writer_fini(&writer);
    return;
  }
  int code = path_of(logbook, directory, path);
  if (code != 0 || writer.is_failed) {
    code = error_set(&error, -ENOMEM, "out of memory for its state");
  } else {
    code = write_record(&writer, path, directory, &error);
  }
  logbook->saved_sum = code == 0 ? sum : 0;
  record_writer_fini(&writer);
  say_outcome(logbook, code, &error, now);
}

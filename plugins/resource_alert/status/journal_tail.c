/* SPDX-License-Identifier: MIT */
/* journal_tail: the last lines of the journal, read back from its file. */
#include "resource_alert/status/journal_tail.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_BYTES ((size_t)65536)

/* Returns how many bytes; *ret_is_whole: the first line is not cut. */
static size_t read_tail(const char *path, char *tail, bool *ret_is_whole) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  ssize_t bytes = 0;
  if (file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
    off_t from = status.st_size > (off_t)TAIL_BYTES
                     ? status.st_size - (off_t)TAIL_BYTES
                     : 0;
    *ret_is_whole = from == 0;
    bytes = pread(file, tail, TAIL_BYTES, from);
  }
  if (file >= 0) {
    (void)close(file);
  }
  return bytes > 0 ? (size_t)bytes : 0;
}

static void add_line(json_t *lines, const char *line, size_t bytes) {
  json_t *object = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, NULL);
  if (json_is_object(object)) {
    (void)json_array_append(lines, object);
  }
  json_decref(object);
}

json_t *journal_tail(const char *path, size_t count) {
  json_t *lines = json_array();
  char *tail = path == NULL ? NULL : malloc(TAIL_BYTES);
  bool is_whole = false;
  size_t end = tail == NULL ? 0 : read_tail(path, tail, &is_whole);
  while (lines != NULL && end > 0 && json_array_size(lines) < count) {
    const char *newline = memrchr(tail, '\n', end - 1);
    if (newline == NULL && !is_whole) {
      break;
    }
    size_t start = newline == NULL ? 0 : (size_t)(newline - tail) + 1;
    bool is_ended = tail[end - 1] == '\n'; /* else it is being written */
    if (is_ended) {
      add_line(lines, tail + start, end - 1 - start);
    }
    end = start;
  }
  free(tail);
  return lines;
}

/* SPDX-License-Identifier: MIT */
/* journal_tail: what happened last, read back from the journal's file. */
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

static bool has_same(const json_t *a, const json_t *b, const char *name) {
  const json_t *value = json_object_get(a, name);
  return value != NULL && json_equal(value, json_object_get(b, name));
}

/* True if LINE says again what EVENT says; an error in other words, with other
 * times in it, is no news. */
static bool is_again(json_t *line, const json_t *event) {
  size_t same = json_object_get(event, "times") == NULL ? 0 : 1;
  const char *name;
  json_t *value;
  json_object_foreach(line, name, value) {
    bool may_differ = strcmp(name, "seq") == 0 || strcmp(name, "time") == 0 ||
                      strcmp(name, "error") == 0;
    json_t *told = json_object_get(event, name);
    if (told == NULL || (!may_differ && !json_equal(value, told))) {
      return false;
    }
    same++;
  }
  return same == json_object_size(event);
}

/* True if LINE is an intent of whose act a later line is in EVENTS. */
static bool is_settled(const json_t *line, const json_t *event) {
  const char *step = json_string_value(json_object_get(line, "step"));
  return step != NULL && strcmp(step, "intent") == 0 &&
         has_same(line, event, "response") && has_same(line, event, "action");
}

static void take_line(json_t *events, const char *text, size_t bytes) {
  json_t *line = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
  bool is_news = json_is_object(line);
  for (size_t i = 0; is_news && i < json_array_size(events); i++) {
    json_t *event = json_array_get(events, i);
    if (is_again(line, event)) {
      json_int_t times = json_integer_value(json_object_get(event, "times"));
      (void)json_object_set_new(event, "times",
                                json_integer(times == 0 ? 2 : times + 1));
      is_news = false;
    }
    is_news = is_news && !is_settled(line, event);
  }
  if (is_news) {
    (void)json_array_append(events, line);
  }
  json_decref(line);
}

json_t *journal_tail(const char *path, size_t count) {
  json_t *events = json_array();
  char *tail = path == NULL ? NULL : malloc(TAIL_BYTES);
  bool is_whole = false;
  size_t end = tail == NULL ? 0 : read_tail(path, tail, &is_whole);
  while (events != NULL && end > 0 && json_array_size(events) < count) {
    const char *newline = memrchr(tail, '\n', end - 1);
    if (newline == NULL && !is_whole) {
      break;
    }
    size_t start = newline == NULL ? 0 : (size_t)(newline - tail) + 1;
    bool is_ended = tail[end - 1] == '\n'; /* else it is being written */
    if (is_ended) {
      take_line(events, tail + start, end - 1 - start);
    }
    end = start;
  }
  free(tail);
  return events;
}

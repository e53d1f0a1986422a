/* SPDX-License-Identifier: MIT */
/* silence: rules and series for which no notifications are sent until a
 * time. */
#include "resource_alert/alerts/silence.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/append_log.h"
#include "core/glob.h"
#include "core/json_util.h"

#define TEXT_BYTES_MAX 512
#define UNTIL_S_MAX 1e12 /* so that milliseconds fit, whatever a file holds */

struct silence {
  json_t *line;        /* as it is shown and saved; owned */
  const char *pattern; /* in the line */
  int64_t until_ms;
};

struct silences {
  struct append_log *file;
  pthread_mutex_t lock; /* guards items and len; no I/O under it */
  struct silence items[SILENCES_MAX];
  _Atomic size_t len; /* read without the lock where it is most often 0 */
};

/* ---- the list: all under the lock ---- */

static void remove_silence_at(struct silences *silences, size_t index) {
  size_t last = silences->len - 1;
  json_decref(silences->items[index].line);
  silences->items[index] = silences->items[last];
  silences->items[last] = (struct silence){0};
  silences->len = last;
}

static void remove_ended_silences(struct silences *silences, int64_t now_ms) {
  for (size_t i = silences->len; i > 0; i--) {
    if (silences->items[i - 1].until_ms <= now_ms) {
      remove_silence_at(silences, i - 1);
    }
  }
}

/* Returns len if there is none. */
static size_t find_silence(const struct silences *silences,
                           const char *pattern) {
  size_t i = 0;
  while (i < silences->len &&
         strcmp(silences->items[i].pattern, pattern) != 0) {
    i++;
  }
  return i;
}

/* Adds a silence, or replaces the one of that name. */
static int add_or_replace_silence(struct silences *silences, json_t *line) {
  const char *pattern = json_string_value(json_object_get(line, "name"));
  double until_s = json_number_value(json_object_get(line, "until"));
  size_t index = find_silence(silences, pattern);
  if (index == SILENCES_MAX) {
    return -ENOSPC;
  }
  if (index < silences->len) {
    json_decref(silences->items[index].line);
  } else {
    silences->len++;
  }
  silences->items[index] =
      (struct silence){.line = json_incref(line),
                       .pattern = pattern,
                       .until_ms = (int64_t)(until_s * 1000)};
  return 0;
}

/* ---- the file ---- */

/* until_s: 0 in a line that removes the silence. */
static json_t *make_silence_line(const char *pattern, double until_s,
                                 const char *who, const char *comment) {
  return json_pack("{so sf so so}", "name", json_util_from_text(pattern),
                   "until", until_s, "who", json_util_from_text(who), "comment",
                   json_util_from_text(comment));
}

void silences_rewrite_if_due(struct silences *silences, int64_t now_ms) {
  if (!append_log_wants_rewrite(silences->file) ||
      !append_log_rewrite_begin(silences->file)) {
    return;
  }
  (void)pthread_mutex_lock(&silences->lock);
  remove_ended_silences(silences, now_ms);
  for (size_t i = 0; i < silences->len; i++) {
    append_log_rewrite_add(silences->file, silences->items[i].line);
  }
  (void)pthread_mutex_unlock(&silences->lock);
  append_log_rewrite_end(silences->file);
}

static void append_silence_line(struct silences *silences, const json_t *line,
                                int64_t now_ms) {
  append_log_append(silences->file, line);
  silences_rewrite_if_due(silences, now_ms);
}

struct silence_restoring {
  struct silences *silences;
  int64_t now_ms;
};

/* One line of the file: an end in the past, or 0, removes the silence again. */
static int restore_silence(void *context, const json_t *line) {
  const struct silence_restoring *restoring = context;
  const char *pattern = json_string_value(json_object_get(line, "name"));
  const char *who = json_string_value(json_object_get(line, "who"));
  const char *comment = json_string_value(json_object_get(line, "comment"));
  double until_s = json_number_value(json_object_get(line, "until"));
  if (pattern == NULL || who == NULL || comment == NULL || !(until_s >= 0) ||
      until_s >= UNTIL_S_MAX || glob_check(pattern, NULL) != 0) {
    return -EINVAL;
  }
  json_t *copy = make_silence_line(pattern, until_s, who, comment);
  if (copy == NULL) {
    return -ENOMEM;
  }
  (void)add_or_replace_silence(restoring->silences, copy);
  remove_ended_silences(restoring->silences, restoring->now_ms);
  json_decref(copy);
  return 0;
}

/* ---- requests ---- */

/* A request comes from the control socket: all of it is checked. */
static int check_silence_request(const struct silence_request *request,
                                 int64_t now_ms, struct error *error) {
  struct error reason = {{0}};
  if (request->pattern[0] == '\0' ||
      strlen(request->pattern) > TEXT_BYTES_MAX ||
      strlen(request->who) > TEXT_BYTES_MAX ||
      strlen(request->comment) > TEXT_BYTES_MAX) {
    return error_set(
        error, -EINVAL,
        "the name or pattern is missing, or a text is longer than %d bytes",
        TEXT_BYTES_MAX);
  }
  if (glob_check(request->pattern, &reason) != 0) {
    return error_set(error, -EINVAL, "pattern \"%s\" %s", request->pattern,
                     reason.text);
  }
  if (request->until_ms <= now_ms) {
    return error_set(error, -EINVAL, "the silence's end is in the past");
  }
  if ((double)request->until_ms / 1000 >= UNTIL_S_MAX) {
    return error_set(error, -EINVAL, "the silence's end is too far away");
  }
  return 0;
}

int silences_add(struct silences *silences,
                 const struct silence_request *request, int64_t now_ms,
                 struct error *error) {
  int code = check_silence_request(request, now_ms, error);
  if (code != 0) {
    return code;
  }
  json_t *line =
      make_silence_line(request->pattern, (double)request->until_ms / 1000,
                        request->who, request->comment);
  if (line == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  (void)pthread_mutex_lock(&silences->lock);
  remove_ended_silences(silences, now_ms);
  code = add_or_replace_silence(silences, line);
  (void)pthread_mutex_unlock(&silences->lock);
  if (code == 0) {
    append_silence_line(silences, line, now_ms);
  } else {
    code = error_set(error, code,
                     "the limit of %d silences is reached; end one first",
                     SILENCES_MAX);
  }
  json_decref(line);
  return code;
}

int silences_remove(struct silences *silences, const char *pattern,
                    int64_t now_ms, struct error *error) {
  (void)pthread_mutex_lock(&silences->lock);
  remove_ended_silences(silences, now_ms);
  size_t index = find_silence(silences, pattern);
  bool is_there = index < silences->len;
  if (is_there) {
    remove_silence_at(silences, index);
  }
  (void)pthread_mutex_unlock(&silences->lock);
  if (!is_there) {
    return error_set(error, -ENOENT, "there is no silence for \"%s\"", pattern);
  }
  json_t *line = make_silence_line(pattern, 0, "", "");
  append_silence_line(silences, line, now_ms);
  json_decref(line);
  return 0;
}

bool silences_cover(struct silences *silences, const char *rule,
                    const char *series, int64_t now_ms) {
  if (silences == NULL || silences->len == 0) {
    return false;
  }
  bool covers = false;
  (void)pthread_mutex_lock(&silences->lock);
  for (size_t i = 0; i < silences->len && !covers; i++) {
    const struct silence *item = &silences->items[i];
    covers = item->until_ms > now_ms && (glob_matches(item->pattern, rule) ||
                                         glob_matches(item->pattern, series));
  }
  (void)pthread_mutex_unlock(&silences->lock);
  return covers;
}

json_t *silences_to_json(struct silences *silences, int64_t now_ms) {
  json_t *all = json_array();
  (void)pthread_mutex_lock(&silences->lock);
  for (size_t i = 0; i < silences->len && all != NULL; i++) {
    const struct silence *item = &silences->items[i];
    if (item->until_ms > now_ms) {
      (void)json_array_append_new(all, json_deep_copy(item->line));
    }
  }
  (void)pthread_mutex_unlock(&silences->lock);
  return all;
}

/* ---- life ---- */

int silences_open(const char *path, int64_t now_ms, const struct log_sink *log,
                  struct silences **ret_silences, struct error *error) {
  struct silences *silences = calloc(1, sizeof(*silences));
  if (silences == NULL) {
    return error_set(error, -ENOMEM, "silences: out of memory");
  }
  const struct append_log_options options = {
      .path = path,
      .what = "silences",
      .consequence = "changes are lost at the next restart",
      .format = "resource_alert silences",
      .version = 1,
      .log = *log,
  };
  (void)pthread_mutex_init(&silences->lock, NULL);
  struct silence_restoring restoring = {.silences = silences, .now_ms = now_ms};
  int code = append_log_open(&options, restore_silence, &restoring,
                             &silences->file, error);
  if (code != 0) {
    silences_close(silences);
    return code;
  }
  *ret_silences = silences;
  return 0;
}

bool silences_is_saving(const struct silences *silences) {
  return append_log_is_saving(silences->file);
}

void silences_close(struct silences *silences) {
  if (silences == NULL) {
    return;
  }
  append_log_close(silences->file);
  while (silences->len > 0) {
    remove_silence_at(silences, silences->len - 1);
  }
  (void)pthread_mutex_destroy(&silences->lock);
  free(silences);
}

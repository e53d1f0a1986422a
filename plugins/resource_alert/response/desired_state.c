/* SPDX-License-Identifier: MIT */
/* desired_state: the file that keeps over a restart what is engaged. */
#include "resource_alert/response/desired_state.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/atomic_file.h"

#define FILE_BYTES_MAX 16777216
#define FILE_MODE 0640

struct desired_state {
  char *path; /* NULL: nothing is kept */
  pthread_mutex_t lock;
  pthread_cond_t is_written;
  /* The rest is under the lock. */
  json_t *root;
  uint64_t version; /* of root */
  uint64_t written; /* the version that the last write was about */
  int written_code;
  struct error written_error;
  bool is_writing;
  bool wants_durable;
};

/* ---- reading ---- */

static json_t *empty_root(void) {
  return json_pack("{s:i, s:{}}", "version", 1, "responses");
}

static bool makes_sense(const json_t *root) {
  return json_integer_value(json_object_get(root, "version")) == 1 &&
         json_is_object(json_object_get(root, "responses"));
}

static json_t *read_root(const char *path, const struct report_sink *log) {
  char *text = NULL;
  size_t bytes = 0;
  struct error error = {{0}};
  int code = atomic_file_read(path, FILE_BYTES_MAX, &text, &bytes, &error);
  if (code == -ENOENT) {
    return NULL;
  }
  json_t *root = code == 0 ? json_loadb(text, bytes, 0, NULL) : NULL;
  free(text);
  if (makes_sense(root)) {
    return root;
  }
  json_decref(root);
  if (code == 0) {
    (void)error_set(&error, -EINVAL, "%s makes no sense", path);
    (void)atomic_file_set_aside(path, NULL);
  }
  report(log, REPORT_ERROR,
         "desired states: %s; what was engaged before is not known",
         error.text);
  return NULL;
}

int desired_state_new(const char *path, const struct report_sink *log,
                      struct desired_state **ret, struct error *error) {
  struct desired_state *states = calloc(1, sizeof(*states));
  if (states == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  (void)pthread_mutex_init(&states->lock, NULL);
  (void)pthread_cond_init(&states->is_written, NULL);
  if (path != NULL) {
    states->path = strdup(path);
    states->root = read_root(path, log);
  }
  if (states->root == NULL) {
    states->root = empty_root();
  }
  if (states->root == NULL || (path != NULL && states->path == NULL)) {
    desired_state_free(states);
    return error_set(error, -ENOMEM, "out of memory");
  }
  *ret = states;
  return 0;
}

void desired_state_free(struct desired_state *states) {
  if (states == NULL) {
    return;
  }
  json_decref(states->root);
  free(states->path);
  (void)pthread_cond_destroy(&states->is_written);
  (void)pthread_mutex_destroy(&states->lock);
  free(states);
}

json_t *desired_state_get(struct desired_state *states, const char *response) {
  (void)pthread_mutex_lock(&states->lock);
  json_t *entry = json_deep_copy(
      json_object_get(json_object_get(states->root, "responses"), response));
  (void)pthread_mutex_unlock(&states->lock);
  return entry;
}

/* ---- writing ---- */

/* Writes what stands now; the lock is held at call and return, not between. */
static void write_now(struct desired_state *states) {
  uint64_t version = states->version;
  bool is_durable = states->wants_durable;
  char *text = json_dumps(states->root, JSON_INDENT(1) | JSON_SORT_KEYS);
  struct error error = {{0}};
  states->wants_durable = false;
  states->is_writing = true;
  (void)pthread_mutex_unlock(&states->lock);
  int code = text == NULL ? error_set(&error, -ENOMEM, "out of memory")
                          : atomic_file_write(states->path, text, strlen(text),
                                              FILE_MODE, is_durable, &error);
  free(text);
  (void)pthread_mutex_lock(&states->lock);
  states->is_writing = false;
  states->written = version;
  states->written_code = code;
  states->written_error = error;
  (void)pthread_cond_broadcast(&states->is_written);
}

int desired_state_put(struct desired_state *states, const char *response,
                      json_t *entry, bool is_durable, struct error *error) {
  (void)pthread_mutex_lock(&states->lock);
  int code = json_object_set_new(json_object_get(states->root, "responses"),
                                 response, entry) == 0
                 ? 0
                 : error_set(error, -ENOMEM, "out of memory");
  uint64_t version = ++states->version;
  states->wants_durable = states->wants_durable || is_durable;
  while (code == 0 && states->path != NULL && states->written < version) {
    if (states->is_writing) {
      (void)pthread_cond_wait(&states->is_written, &states->lock);
    } else {
      write_now(states);
    }
    if (states->written >= version && states->written_code != 0) {
      code = error_set(error, states->written_code, "%s",
                       states->written_error.text);
    }
  }
  (void)pthread_mutex_unlock(&states->lock);
  return code;
}

/* SPDX-License-Identifier: MIT */
/* response_state_file: the file that keeps over a restart what is engaged. */
#include "resource_alert/responses/response_state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file_util.h"
#include "core/log.h"
#include "core/worker_thread.h"
#include "resource_alert/responses/desired_lines.h"

#define FILE_BYTES_MAX 67108864
#define FILE_MODE 0640
#define SPARE_BYTES 1048576 /* some 3000 acts: a rewrite is rare */
#define SYNC_MS 1000        /* what comes meanwhile is synced together */
#define END_MS 2000         /* the disk is waited for at the end */

struct response_state_file {
  char *path; /* NULL: nothing is kept */
  struct log_sink log;
  pthread_t thread;
  bool has_thread;
  struct complaint complaint; /* the thread's */
  pthread_mutex_t lock;
  pthread_cond_t has_work;
  pthread_cond_t has_ended;
  /* The rest is under the lock, in which nobody waits for the disk. */
  json_t *entries;   /* by response */
  int file;          /* for appending; -1: to be written anew */
  int next;          /* written anew, not in its place yet; -1: none */
  size_t bytes;      /* in the file */
  size_t last_bytes; /* when it was written anew */
  bool is_torn;      /* a line could not be written */
  bool is_dirty;     /* the thread has something to do */
  bool is_stopping, is_done;
  bool is_left; /* to the thread, which destroys it */
};

/* ---- reading ---- */

static void read_file(struct response_state_file *states) {
  char *text = NULL;
  size_t bytes = 0;
  struct error error = {{0}};
  int code = file_read(states->path, FILE_BYTES_MAX, &text, &bytes, &error);
  if (code == -ENOENT) {
    return;
  }
  size_t bad_line = code == 0 ? desired_lines_take(states->entries, text) : 0;
  free(text);
  if (bad_line > 0) {
    code = error_set(&error, -EINVAL, "%s: line %zu makes no sense",
                     states->path, bad_line);
    (void)file_set_aside(states->path, NULL);
  }
  if (code != 0) {
    log_write(&states->log, LOG_LEVEL_ERROR,
              "desired states: %s; what was engaged after that is not known",
              error.text);
  }
}

/* ---- writing ---- */

/* Under the lock: all that there is, to FD, which gets all that is put from now
 * on as well. A file that is torn gets no more. *ret_useless: a descriptor to
 * close. */
static int write_next(struct response_state_file *states, int fd,
                      int *ret_useless, struct error *error) {
  size_t bytes = 0;
  if (states->is_torn) {
    *ret_useless = states->file;
    states->file = -1;
  }
  char *text = desired_lines_format(states->entries, &bytes);
  if (text == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  ssize_t written = write(fd, text, bytes);
  int code = written == (ssize_t)bytes ? 0 : written < 0 ? -errno : -ENOSPC;
  free(text);
  if (code != 0) {
    return error_set(error, code, "%s: cannot write: %s", states->path,
                     strerror(-code));
  }
  states->next = fd;
  states->bytes = states->last_bytes = bytes;
  states->is_torn = false;
  return 0;
}

/* Under the lock: FD is the file from now on, unless it misses something.
 * Returns the descriptor that is of no use any more, or -1. */
static int take_next(struct response_state_file *states, int fd,
                     bool is_whole) {
  int old = states->file;
  states->next = -1;
  if (is_whole) {
    states->file = fd;
    return old;
  }
  return fd;
}

static void close_file(int fd) {
  if (fd >= 0) {
    (void)close(fd);
  }
}

/* Writes the file anew. What is put meanwhile is in the old one and in the new
 * one, so that it counts whichever a kill leaves in its place. */
static int rewrite(struct response_state_file *states, struct error *error) {
  char beside[PATH_MAX];
  int fd = file_replace_begin(states->path, FILE_MODE, beside, error);
  if (fd < 0) {
    return fd;
  }
  int useless = -1;
  (void)pthread_mutex_lock(&states->lock);
  int code = write_next(states, fd, &useless, error);
  (void)pthread_mutex_unlock(&states->lock);
  close_file(useless);
  if (code == 0) {
    code = file_replace_commit(states->path, beside, fd, error);
  } else {
    (void)unlink(beside);
  }
  (void)pthread_mutex_lock(&states->lock);
  if (code == 0 && states->is_torn) {
    code = error_set(error, -ENOSPC, "%s: cannot write", states->path);
  }
  useless = take_next(states, fd, code == 0);
  (void)pthread_mutex_unlock(&states->lock);
  close_file(useless);
  return code;
}

/* Has the file on the disk. The descriptor may be closed meanwhile. */
static int sync_file(struct response_state_file *states, struct error *error) {
  (void)pthread_mutex_lock(&states->lock);
  int fd = states->file < 0 ? -1 : fcntl(states->file, F_DUPFD_CLOEXEC, 0);
  (void)pthread_mutex_unlock(&states->lock);
  if (fd < 0) {
    return 0;
  }
  int code = fdatasync(fd) == 0 ? 0 : -errno;
  (void)close(fd);
  return code == 0
             ? 0
             : error_set(error, code, "%s: %s", states->path, strerror(-code));
}

/* ---- the thread ---- */

static void destroy(struct response_state_file *states) {
  close_file(states->file);
  json_decref(states->entries);
  free(states->path);
  (void)pthread_cond_destroy(&states->has_ended);
  (void)pthread_cond_destroy(&states->has_work);
  (void)pthread_mutex_destroy(&states->lock);
  free(states);
}

static void tell(struct response_state_file *states, int code,
                 const struct error *error) {
  int64_t now_ms = clock_monotonic_ms();
  if (code != 0 && complaint_fail(&states->complaint, now_ms)) {
    log_write(&states->log, LOG_LEVEL_ERROR,
              "desired states: %s; responses act, but a restart will not know",
              error->text);
  } else if (code == 0 && complaint_clear(&states->complaint, now_ms, NULL)) {
    log_write(&states->log, LOG_LEVEL_NOTICE,
              "desired states: they are kept again");
  }
}

/* Under the lock. */
static void wait_ms(struct response_state_file *states, int ms) {
  struct timespec until = clock_deadline_after_ms(ms);
  while (!states->is_stopping &&
         pthread_cond_timedwait(&states->has_work, &states->lock, &until) !=
             ETIMEDOUT) {
  }
}

/* Under the lock, which it gives up meanwhile. */
static void work(struct response_state_file *states) {
  struct error error = {{0}};
  bool has_grown = states->bytes > 2 * states->last_bytes + SPARE_BYTES;
  bool is_whole = states->file >= 0 && !states->is_torn;
  states->is_dirty = false;
  (void)pthread_mutex_unlock(&states->lock);
  int code = is_whole && !has_grown ? sync_file(states, &error)
                                    : rewrite(states, &error);
  tell(states, code, &error);
  (void)pthread_mutex_lock(&states->lock);
  states->is_dirty = states->is_dirty || code != 0;
}

static void *run(void *argument) {
  struct response_state_file *states = argument;
  (void)pthread_mutex_lock(&states->lock);
  while (!states->is_stopping) {
    if (states->is_dirty) {
      wait_ms(states, SYNC_MS);
      work(states);
    } else {
      (void)pthread_cond_wait(&states->has_work, &states->lock);
    }
  }
  (void)pthread_mutex_unlock(&states->lock);
  (void)sync_file(states, NULL);
  (void)pthread_mutex_lock(&states->lock);
  states->is_done = true;
  bool is_left = states->is_left;
  (void)pthread_cond_signal(&states->has_ended);
  (void)pthread_mutex_unlock(&states->lock);
  if (is_left) {
    destroy(states);
  }
  return NULL;
}

static int start(struct response_state_file *states, struct error *error) {
  int code = worker_thread_create(&states->thread, NULL, run, states);
  states->has_thread = code == 0;
  return code == 0 ? 0
                   : error_set(error, code, "cannot start a thread: %s",
                               strerror(-code));
}

/* ---- the whole ---- */

static void init_lock(struct response_state_file *states) {
  pthread_condattr_t monotonic;
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  (void)pthread_mutex_init(&states->lock, NULL);
  (void)pthread_cond_init(&states->has_work, &monotonic);
  (void)pthread_cond_init(&states->has_ended, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
}

int response_state_file_open(const char *path, const struct log_sink *log,
                             struct response_state_file **ret,
                             struct error *error) {
  struct response_state_file *states = calloc(1, sizeof(*states));
  if (states == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  init_lock(states);
  states->log = *log;
  states->file = states->next = -1;
  states->entries = json_object();
  states->path = path == NULL ? NULL : strdup(path);
  int code = 0;
  if (states->entries == NULL || (path != NULL && states->path == NULL)) {
    code = error_set(error, -ENOMEM, "out of memory");
  } else if (path != NULL) {
    read_file(states);
    states->is_dirty = rewrite(states, NULL) != 0;
    code = start(states, error);
  }
  if (code != 0) {
    response_state_file_close(states);
    return code;
  }
  *ret = states;
  return 0;
}

/* Ends the thread. Returns false if the disk holds it longer than END_MS: then
 * all is left to it. */
static bool end_thread(struct response_state_file *states) {
  struct timespec until = clock_deadline_after_ms(END_MS);
  int code = 0;
  (void)pthread_mutex_lock(&states->lock);
  states->is_stopping = true;
  (void)pthread_cond_signal(&states->has_work);
  while (!states->is_done && code == 0) {
    code = pthread_cond_timedwait(&states->has_ended, &states->lock, &until);
  }
  if (!states->is_done) {
    (void)pthread_detach(states->thread);
    log_write(&states->log, LOG_LEVEL_WARNING,
              "desired states: the disk hangs; left behind");
  }
  bool is_left = states->is_left = !states->is_done;
  (void)pthread_mutex_unlock(&states->lock);
  if (!is_left) {
    (void)pthread_join(states->thread, NULL);
  }
  return !is_left;
}

void response_state_file_close(struct response_state_file *states) {
  if (states != NULL && (!states->has_thread || end_thread(states))) {
    destroy(states);
  }
}

json_t *response_state_file_get(struct response_state_file *states,
                                const char *response) {
  (void)pthread_mutex_lock(&states->lock);
  json_t *entry = json_deep_copy(json_object_get(states->entries, response));
  (void)pthread_mutex_unlock(&states->lock);
  return entry;
}

/* Under the lock. What is torn is written anew, since half a line would spoil
 * what follows it. */
static void append(struct response_state_file *states, const char *line) {
  const int files[] = {states->file, states->next};
  size_t length = strlen(line);
  for (size_t i = 0; i < 2 && !states->is_torn; i++) {
    states->is_torn =
        files[i] >= 0 && write(files[i], line, length) != (ssize_t)length;
  }
  states->bytes += length;
}

void response_state_file_put(struct response_state_file *states,
                             const char *response, json_t *entry) {
  char *line = entry == NULL ? NULL : desired_line_format(response, entry);
  (void)pthread_mutex_lock(&states->lock);
  (void)json_object_set(states->entries, response, entry);
  if (line == NULL) {
    states->is_torn = true;
  } else {
    append(states, line);
  }
  states->is_dirty = true;
  (void)pthread_cond_signal(&states->has_work);
  (void)pthread_mutex_unlock(&states->lock);
  free(line);
  json_decref(entry);
}

void response_state_file_sync(struct response_state_file *states) {
  (void)sync_file(states, NULL);
}

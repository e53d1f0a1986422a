/* SPDX-License-Identifier: MIT */
/* file_watch: reports writes to files and new names in directories at once
 * (inotify).
 *
 * Files are watched for writes and directories for new names only, so that
 * writes of other programs in /var/log wake nobody. */
#include "session_log/tail/file_watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/clock.h"

struct watched_path {
  int number; /* inotify's; the same for every log that watches the file */
  size_t log;
  enum file_watch_kind kind;
  bool is_wanted;
  bool has_event;
};

struct file_watch {
  int inotify;
  int wake; /* eventfd: look at what is guarded */
  size_t logs;
  pthread_mutex_t lock; /* guards what follows */
  bool is_stopping;
  struct watched_path *paths; /* owned */
  size_t len;
};

int file_watch_new(size_t logs, struct file_watch **ret_watch) {
  struct file_watch *watch = calloc(1, sizeof(*watch));
  if (watch == NULL) {
    return -ENOMEM;
  }
  watch->logs = logs;
  watch->wake = -1;
  (void)pthread_mutex_init(&watch->lock, NULL);
  watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  int code = watch->inotify < 0 ? -errno : 0;
  if (code == 0) {
    watch->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    code = watch->wake < 0 ? -errno : 0;
  }
  if (code != 0) {
    file_watch_free(watch);
    return code;
  }
  *ret_watch = watch;
  return 0;
}

void file_watch_free(struct file_watch *watch) {
  if (watch == NULL) {
    return;
  }
  if (watch->inotify >= 0) {
    (void)close(watch->inotify);
  }
  if (watch->wake >= 0) {
    (void)close(watch->wake);
  }
  (void)pthread_mutex_destroy(&watch->lock);
  free(watch->paths);
  free(watch);
}

/* ---- what is watched ---- */

void file_watch_begin_update(struct file_watch *watch, size_t log) {
  (void)pthread_mutex_lock(&watch->lock);
  for (size_t i = 0; i < watch->len; i++) {
    if (watch->paths[i].log == log) {
      watch->paths[i].is_wanted = false;
    }
  }
  (void)pthread_mutex_unlock(&watch->lock);
}

static void wake_waiter(struct file_watch *watch) {
  const uint64_t one = 1;
  ssize_t written = write(watch->wake, &one, sizeof(one));
  (void)written; /* it can only be full, which wakes as well */
}

/* Returns false when memory is short. */
static bool add_wanted_path(struct file_watch *watch, int number, size_t log,
                            enum file_watch_kind kind) {
  for (size_t i = 0; i < watch->len; i++) {
    if (watch->paths[i].number == number && watch->paths[i].log == log) {
      watch->paths[i].is_wanted = true;
      return true;
    }
  }
  struct watched_path *paths =
      realloc(watch->paths, (watch->len + 1) * sizeof(*paths));
  if (paths == NULL) {
    return false;
  }
  watch->paths = paths;
  watch->paths[watch->len++] = (struct watched_path){.number = number,
                                                     .log = log,
                                                     .kind = kind,
                                                     .is_wanted = true,
                                                     .has_event = true};
  wake_waiter(watch);
  return true;
}

int file_watch_add(struct file_watch *watch, size_t log, const char *path,
                   enum file_watch_kind kind) {
  uint32_t mask = kind == FILE_WATCH_FILE
                      ? IN_MODIFY
                      : IN_CREATE | IN_MOVED_TO | IN_ONLYDIR;
  /* Without the lock: a file system that hangs holds up its own log only. If
   * another log ends the same watch meanwhile, the next poll sets it anew. */
  int number = inotify_add_watch(watch->inotify, path, mask | IN_MASK_ADD);
  (void)pthread_mutex_lock(&watch->lock);
  if (number >= 0 && !add_wanted_path(watch, number, log, kind)) {
    number = -1;
  }
  (void)pthread_mutex_unlock(&watch->lock);
  return number;
}

/* Several logs may watch one file; the kernel has one watch for it. */
static bool is_wanted_by_any(const struct file_watch *watch, int number) {
  for (size_t i = 0; i < watch->len; i++) {
    if (watch->paths[i].number == number && watch->paths[i].is_wanted) {
      return true;
    }
  }
  return false;
}

void file_watch_end_update(struct file_watch *watch, size_t log) {
  (void)pthread_mutex_lock(&watch->lock);
  size_t kept = 0;
  for (size_t i = 0; i < watch->len; i++) {
    struct watched_path path = watch->paths[i];
    if (path.is_wanted || path.log != log) {
      watch->paths[kept++] = path;
    } else if (!is_wanted_by_any(watch, path.number)) {
      (void)inotify_rm_watch(watch->inotify, path.number);
    }
  }
  watch->len = kept;
  (void)pthread_mutex_unlock(&watch->lock);
}

/* ---- events ---- */

/* After an overflow of the kernel's queue nobody knows which events are lost:
 * all paths count as written to. */
static void mark_event(struct file_watch *watch,
                       const struct inotify_event *event) {
  bool has_overflowed = (event->mask & IN_Q_OVERFLOW) != 0;
  for (size_t i = 0; i < watch->len; i++) {
    if (has_overflowed || watch->paths[i].number == event->wd) {
      watch->paths[i].has_event = true;
    }
  }
}

/* All that the kernel has; the lock is held. */
static void read_inotify_events(struct file_watch *watch) {
  union {
    char bytes[4096];
    struct inotify_event aligned;
  } buffer;
  ssize_t got;
  while ((got = read(watch->inotify, &buffer, sizeof(buffer))) > 0) {
    for (ssize_t at = 0; at < got;) {
      struct inotify_event event;
      memcpy(&event, buffer.bytes + at, sizeof(event));
      mark_event(watch, &event);
      at += (ssize_t)(sizeof(event) + event.len);
    }
  }
}

int file_watch_wait(struct file_watch *watch, int64_t deadline_ms,
                    bool *has_events) {
  struct pollfd fds[] = {
      {.fd = watch->wake, .events = POLLIN},
      {.fd = watch->inotify, .events = POLLIN},
  };
  (void)poll(fds, 2, clock_left_ms(deadline_ms));
  uint64_t times;
  ssize_t got = read(watch->wake, &times, sizeof(times));
  (void)got; /* how often it was woken does not matter */
  (void)pthread_mutex_lock(&watch->lock);
  read_inotify_events(watch);
  for (size_t i = 0; i < watch->len; i++) {
    has_events[watch->paths[i].log] |= watch->paths[i].has_event;
  }
  bool is_stopping = watch->is_stopping;
  (void)pthread_mutex_unlock(&watch->lock);
  return is_stopping ? -ECANCELED : 0;
}

size_t file_watch_take_events(struct file_watch *watch, size_t log,
                              int *numbers, size_t max) {
  size_t len = 0;
  bool needs_scan = false;
  (void)pthread_mutex_lock(&watch->lock);
  for (size_t i = 0; i < watch->len; i++) {
    struct watched_path *path = &watch->paths[i];
    if (path->log != log || !path->has_event) {
      continue;
    }
    path->has_event = false;
    if (path->kind == FILE_WATCH_DIRECTORY || len == max) {
      needs_scan = true;
    } else {
      numbers[len++] = path->number;
    }
  }
  (void)pthread_mutex_unlock(&watch->lock);
  return needs_scan ? FILE_WATCH_SCAN : len;
}

void file_watch_stop(struct file_watch *watch) {
  (void)pthread_mutex_lock(&watch->lock);
  watch->is_stopping = true;
  (void)pthread_mutex_unlock(&watch->lock);
  wake_waiter(watch);
}

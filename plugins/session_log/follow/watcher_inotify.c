/* SPDX-License-Identifier: MIT */
/* watcher_inotify: tells at once which logs were written to, where the kernel
 * can.
 *
 * Files are watched for writes and directories for new names only: a busy
 * neighbour in /var/log wakes nobody. What happened before a watch was there is
 * told by nobody: so a log with a new watch counts as written to. */
#include "session_log/follow/watcher.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/clock.h"

struct watch {
  int number; /* inotify's; the same for every log that watches the file */
  size_t log;
  bool is_wanted;
};

struct watcher {
  int inotify;
  int wake; /* eventfd: look at what is guarded */
  size_t logs;
  pthread_mutex_t lock; /* guards what follows */
  bool is_stopping;
  bool *is_new; /* one a log: it has a watch that has seen nothing yet */
  struct watch *watches;
  size_t len;
  size_t room;
};

int watcher_new(size_t logs, struct watcher **ret_watcher) {
  struct watcher *watcher = calloc(1, sizeof(*watcher));
  if (watcher == NULL) {
    return -ENOMEM;
  }
  watcher->logs = logs;
  watcher->wake = -1;
  (void)pthread_mutex_init(&watcher->lock, NULL);
  watcher->is_new = calloc(logs, sizeof(*watcher->is_new));
  watcher->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  int code = watcher->inotify < 0 ? -errno : 0;
  if (code == 0) {
    watcher->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    code = watcher->wake < 0 ? -errno : 0;
  }
  if (watcher->is_new == NULL) {
    code = -ENOMEM;
  }
  if (code != 0) {
    watcher_free(watcher);
    return code;
  }
  *ret_watcher = watcher;
  return 0;
}

void watcher_free(struct watcher *watcher) {
  if (watcher == NULL) {
    return;
  }
  if (watcher->inotify >= 0) {
    (void)close(watcher->inotify);
  }
  if (watcher->wake >= 0) {
    (void)close(watcher->wake);
  }
  (void)pthread_mutex_destroy(&watcher->lock);
  free(watcher->is_new);
  free(watcher->watches);
  free(watcher);
}

void watcher_begin(struct watcher *watcher, size_t log) {
  (void)pthread_mutex_lock(&watcher->lock);
  for (size_t i = 0; i < watcher->len; i++) {
    if (watcher->watches[i].log == log) {
      watcher->watches[i].is_wanted = false;
    }
  }
  (void)pthread_mutex_unlock(&watcher->lock);
}

static void wake(struct watcher *watcher) {
  const uint64_t one = 1;
  ssize_t written = write(watcher->wake, &one, sizeof(one));
  (void)written; /* it can only be full, which wakes as well */
}

static void want(struct watcher *watcher, int number, size_t log) {
  for (size_t i = 0; i < watcher->len; i++) {
    if (watcher->watches[i].number == number &&
        watcher->watches[i].log == log) {
      watcher->watches[i].is_wanted = true;
      return;
    }
  }
  if (watcher->watches == NULL || watcher->len == watcher->room) {
    size_t room = watcher->room * 2 + 16;
    struct watch *watches = realloc(watcher->watches, room * sizeof(*watches));
    if (watches == NULL) {
      return; /* read at the interval only */
    }
    watcher->watches = watches;
    watcher->room = room;
  }
  watcher->watches[watcher->len++] =
      (struct watch){.number = number, .log = log, .is_wanted = true};
  watcher->is_new[log] = true;
  wake(watcher);
}

void watcher_add(struct watcher *watcher, size_t log, const char *path,
                 enum watch_kind kind) {
  uint32_t mask =
      kind == WATCH_FILE ? IN_MODIFY : IN_CREATE | IN_MOVED_TO | IN_ONLYDIR;
  (void)pthread_mutex_lock(&watcher->lock);
  int number = inotify_add_watch(watcher->inotify, path, mask | IN_MASK_ADD);
  if (number >= 0) {
    want(watcher, number, log);
  }
  (void)pthread_mutex_unlock(&watcher->lock);
}

static bool is_wanted_by_any(const struct watcher *watcher, int number) {
  for (size_t i = 0; i < watcher->len; i++) {
    if (watcher->watches[i].number == number && watcher->watches[i].is_wanted) {
      return true;
    }
  }
  return false;
}

void watcher_end(struct watcher *watcher, size_t log) {
  (void)pthread_mutex_lock(&watcher->lock);
  size_t kept = 0;
  for (size_t i = 0; i < watcher->len; i++) {
    struct watch watch = watcher->watches[i];
    if (watch.is_wanted || watch.log != log) {
      watcher->watches[kept++] = watch;
    } else if (!is_wanted_by_any(watcher, watch.number)) {
      (void)inotify_rm_watch(watcher->inotify, watch.number);
    }
  }
  watcher->len = kept;
  (void)pthread_mutex_unlock(&watcher->lock);
}

static void mark(struct watcher *watcher, const struct inotify_event *event,
                 bool *dirty) {
  bool has_overflowed = (event->mask & IN_Q_OVERFLOW) != 0;
  (void)pthread_mutex_lock(&watcher->lock);
  for (size_t i = 0; i < watcher->len; i++) {
    if (has_overflowed || watcher->watches[i].number == event->wd) {
      dirty[watcher->watches[i].log] = true;
    }
  }
  (void)pthread_mutex_unlock(&watcher->lock);
}

static void take_events(struct watcher *watcher, bool *dirty) {
  union {
    char bytes[4096];
    struct inotify_event aligned;
  } buffer;
  ssize_t got;
  while ((got = read(watcher->inotify, &buffer, sizeof(buffer))) > 0) {
    for (ssize_t at = 0; at < got;) {
      struct inotify_event event;
      memcpy(&event, buffer.bytes + at, sizeof(event));
      mark(watcher, &event, dirty);
      at += (ssize_t)(sizeof(event) + event.len);
    }
  }
}

/* Returns whether it is to stop. */
static bool take_wake(struct watcher *watcher, bool *dirty) {
  uint64_t times;
  ssize_t got = read(watcher->wake, &times, sizeof(times));
  (void)got; /* how often does not matter */
  (void)pthread_mutex_lock(&watcher->lock);
  for (size_t i = 0; i < watcher->logs; i++) {
    dirty[i] |= watcher->is_new[i];
    watcher->is_new[i] = false;
  }
  bool is_stopping = watcher->is_stopping;
  (void)pthread_mutex_unlock(&watcher->lock);
  return is_stopping;
}

int watcher_wait(struct watcher *watcher, int64_t deadline_ms, bool *dirty) {
  struct pollfd fds[] = {
      {.fd = watcher->wake, .events = POLLIN},
      {.fd = watcher->inotify, .events = POLLIN},
  };
  (void)poll(fds, 2, clock_left_ms(deadline_ms));
  if (fds[0].revents != 0 && take_wake(watcher, dirty)) {
    return -ECANCELED;
  }
  if (fds[1].revents != 0) {
    take_events(watcher, dirty);
  }
  return 0;
}

void watcher_stop(struct watcher *watcher) {
  (void)pthread_mutex_lock(&watcher->lock);
  watcher->is_stopping = true;
  (void)pthread_mutex_unlock(&watcher->lock);
  wake(watcher);
}

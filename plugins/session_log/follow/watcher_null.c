/* SPDX-License-Identifier: MIT */
/* watcher_null: for systems that tell nobody of writes: files are read at the
 * interval. */
#include <errno.h>

#include "session_log/follow/watcher.h"

int watcher_new(size_t logs, struct watcher **ret_watcher) {
  (void)logs;
  (void)ret_watcher;
  return -ENOSYS;
}

void watcher_free(struct watcher *watcher) { (void)watcher; }

void watcher_begin(struct watcher *watcher, size_t log) {
  (void)watcher;
  (void)log;
}

void watcher_add(struct watcher *watcher, size_t log, const char *path,
                 enum watch_kind kind) {
  (void)watcher;
  (void)log;
  (void)path;
  (void)kind;
}

void watcher_end(struct watcher *watcher, size_t log) {
  (void)watcher;
  (void)log;
}

int watcher_wait(struct watcher *watcher, int64_t deadline_ms, bool *dirty) {
  (void)watcher;
  (void)deadline_ms;
  (void)dirty;
  return -ECANCELED;
}

void watcher_stop(struct watcher *watcher) { (void)watcher; }

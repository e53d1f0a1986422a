/* SPDX-License-Identifier: MIT */
/* watcher: tells at once which logs were written to, where the kernel can. */
#ifndef SESSION_LOG_FOLLOW_WATCHER_H
#define SESSION_LOG_FOLLOW_WATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum watch_kind {
  WATCH_FILE,      /* for what is written to it */
  WATCH_DIRECTORY, /* for what appears in it */
};

struct watcher; /* any thread: it has a lock of its own */

/* Logs are known by their numbers, 0 .. logs - 1. Returns 0; -ENOSYS where the
 * system has nothing of the kind; -ENOMEM; or what inotify_init1(2) said. */
int watcher_new(size_t logs, struct watcher **ret_watcher);
void watcher_free(struct watcher *watcher); /* accepts NULL; nobody waits */

/* What a log wants watched is told anew as a whole: begin, add each path, end.
 * A path that cannot be watched is left out; it is read at the interval. */
void watcher_begin(struct watcher *watcher, size_t log);
void watcher_add(struct watcher *watcher, size_t log, const char *path,
                 enum watch_kind kind);
void watcher_end(struct watcher *watcher, size_t log);

/* Waits until deadline_ms (monotonic) for something to happen, and sets
 * dirty[log] for each log that it happened to (others are left as they are). A
 * path watched for the first time counts: it may have been written to before.
 * One thread. Returns 0 or -ECANCELED after watcher_stop(). */
int watcher_wait(struct watcher *watcher, int64_t deadline_ms, bool *dirty);

/* Ends the wait that is running or the next one. Any thread. */
void watcher_stop(struct watcher *watcher);

#endif

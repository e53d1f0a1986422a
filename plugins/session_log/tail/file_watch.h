/* SPDX-License-Identifier: MIT */
/* file_watch: reports writes to files and new names in directories at once
 * (inotify). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum file_watch_kind {
  FILE_WATCH_FILE,      /* for writes to it */
  FILE_WATCH_DIRECTORY, /* for new names in it */
};

struct file_watch; /* any thread: it has a lock of its own */

/* Logs are known by their numbers, 0 .. logs - 1. Returns 0, -ENOMEM or the
 * negative errno of inotify_init1(2). */
int file_watch_new(size_t logs, struct file_watch **ret_watch);

/* No thread may be waiting. Accepts NULL. */
void file_watch_free(struct file_watch *watch);

/* Replaces all watches of a log: begin, add each path, end. A path that cannot
 * be watched is left out; it is read at the interval.
 * Add returns the number of the watch, or -1. */
void file_watch_begin_update(struct file_watch *watch, size_t log);
int file_watch_add(struct file_watch *watch, size_t log, const char *path,
                   enum file_watch_kind kind);
void file_watch_end_update(struct file_watch *watch, size_t log);

/* Waits until deadline_ms (monotonic) for an event, and sets has_events[log]
 * for each log that had one (others stay as they are). A path watched for the
 * first time counts as written to, since it may have been before.
 * One thread. Returns 0 or -ECANCELED after file_watch_stop(). */
int file_watch_wait(struct file_watch *watch, int64_t deadline_ms,
                    bool *has_events);

#define FILE_WATCH_SCAN ((size_t)-1)

/* Takes the events of a log: stores the numbers of the files that were written
 * to, at most MAX, in NUMBERS. Returns how many, or FILE_WATCH_SCAN where the
 * directories must be scanned: a name has appeared, there are more than MAX, or
 * the kernel has dropped events. */
size_t file_watch_take_events(struct file_watch *watch, size_t log,
                              int *numbers, size_t max);

/* Ends the wait that is running or the next one. Any thread. */
void file_watch_stop(struct file_watch *watch);

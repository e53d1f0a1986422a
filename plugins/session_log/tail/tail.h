/* SPDX-License-Identifier: MIT */
/* tail: reads every line of a log once, however its files are rotated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/log.h"
#include "session_log/options.h"
#include "session_log/state_file.h"
#include "session_log/tail/directory_scan.h"
#include "session_log/tail/file_watch.h"
#include "session_log/tail/tail_file.h"

#define TAIL_FILES_MAX DIRECTORY_SCAN_MAX
/* A rotated file is read for this long, for writers that have not opened the
 * new file yet: logrotate signals them at once, most reopen within a second. */
#define TAIL_ROTATE_WAIT_MS 60000

struct tail_time {
  int64_t mono_ms; /* monotonic */
  int64_t wall_ns; /* since the epoch */
};

struct tail_stats {
  struct tail_file_counts read;
  uint64_t rotated;
  uint64_t truncated;
  uint64_t lost_files; /* gone, or truncated, before their end was read */
  size_t files;        /* followed now */
  uint64_t lag_bytes;  /* not read yet, unfinished lines included */
};

struct tail; /* one owner */

/* options, log: borrowed for as long as the tail lives. Returns 0 or -ENOMEM.
 */
int tail_new(const struct log_options *options, const struct log_sink *log,
             struct tail **ret_tail);
void tail_free(struct tail *tail); /* accepts NULL */

/* Scans the directories, checks all files and hands their new lines to the
 * sink. A file that cannot be read is logged and tried again at the next poll.
 * Returns 0 or -ENOMEM, after which the poll is incomplete. */
int tail_poll(struct tail *tail, const struct tail_time *now,
              struct tail_file_buffer *buffer,
              const struct tail_file_sink *sink);

/* Reads the files with these watch numbers only, after a write to them; no
 * directory is scanned. Returns 0; 1 if tail_poll() is needed, because one of
 * them was truncated or cannot be read; -ENOMEM. */
int tail_poll_files(struct tail *tail, const struct tail_time *now,
                    const int *watch_numbers, size_t len,
                    struct tail_file_buffer *buffer,
                    const struct tail_file_sink *sink);

/* Sets the files and directories that WATCH watches for the log number LOG. */
void tail_watch(struct tail *tail, struct file_watch *watch, size_t log);

void tail_get_stats(const struct tail *tail, struct tail_stats *ret_stats);

/* Saves how far each file was read, or loads it into a tail that has not polled
 * yet. now_ms: monotonic; the time left for rotated files is kept.
 * Returns 0; -EINVAL for an invalid record; -ENOMEM. After a failure the tail
 * must be freed. */
int tail_transfer(struct tail *tail, int64_t now_ms,
                  struct state_file_record *record);

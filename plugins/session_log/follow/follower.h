/* SPDX-License-Identifier: MIT */
/* follower: every line of a log once, however its files are rotated. */
#ifndef SESSION_LOG_FOLLOW_FOLLOWER_H
#define SESSION_LOG_FOLLOW_FOLLOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/log.h"
#include "session_log/follow/reader.h"
#include "session_log/follow/watcher.h"

#define FOLLOWER_FILES_MAX 4096

struct follower_options {
  const char *name;            /* for messages; borrowed */
  const char *const *patterns; /* borrowed */
  size_t patterns_len;
  int64_t rotate_wait_ms; /* for late writers, after a file was rotated away */
  bool starts_at_end;     /* of the files that are there at the first poll */
  struct reader_limits limits;
};

struct moment {
  int64_t mono_ms; /* monotonic */
  int64_t wall_ns; /* since the epoch */
};

struct follower_view {
  struct reader_counts read;
  uint64_t rotated;
  uint64_t truncated;
  uint64_t lost_files; /* gone, or truncated, before their end was read */
  size_t files;        /* followed now */
  uint64_t lag_bytes;  /* not read yet, unfinished lines included */
};

struct follower; /* one owner */

/* The options are copied, what they borrow must outlive the follower.
 * Returns 0 or -ENOMEM. */
int follower_new(const struct follower_options *options,
                 const struct log_sink *report, struct follower **ret_follower);
void follower_free(struct follower *follower); /* accepts NULL */

/* Looks at the files and hands their new lines to the sink. Troubles with
 * files are said through the report and tried again at the next poll.
 * Returns 0 or -ENOMEM, after which the poll is incomplete. */
int follower_poll(struct follower *follower, const struct moment *now,
                  struct reader_buffer *buffer, const struct reader_sink *sink);

/* Tells WATCHER, under the number LOG, which files and directories matter
 * now. */
void follower_watch(const struct follower *follower, struct watcher *watcher,
                    size_t log);

void follower_view(const struct follower *follower,
                   struct follower_view *ret_view);

#endif

/* SPDX-License-Identifier: MIT */
/* sessions: what the lines of a log say about database sessions: how many are
 * open at least, which were never closed, and of what pattern they are.
 *
 * Without ids a log that is read from its middle says nothing about how many
 * sessions were open before, so only growth means anything. A burst grows and
 * falls back; a leak lifts the low-water mark ("floor") of opened - closed in
 * window after window. With ids each session is known by name. */
#ifndef SESSION_LOG_SESSIONS_SESSIONS_H
#define SESSION_LOG_SESSIONS_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session_log/sessions/session_table.h"

/* Times are seconds; 0 for leak_after_s: ids never make a leak. */
struct sessions_limits {
  int64_t leak_after_s;
  int64_t close_within_s; /* after an error */
  int64_t forget_after_s; /* an open session of this age is dropped */
  int64_t window_s;       /* of the floor */
  size_t windows;         /* in which it must rise, 2 .. FLOOR_WINDOWS_MAX */
  int64_t rise;           /* sessions, in these windows together */
  double rise_ratio;      /* the same as a part of the sessions opened */
  size_t sessions_max;    /* known by id at one time */
  uint64_t seed;          /* random, against chosen ids that collide */
};

enum session_event {
  SESSION_OPENED,
  SESSION_CLOSED,
  SESSION_FAILED,
  SESSION_RESTARTED, /* the application, or the worker with this pid */
};

/* One event of one line. id_bytes == 0: the line names no session. */
struct session_line {
  enum session_event event;
  int64_t at_s; /* since the epoch */
  const char *id;
  size_t id_bytes;
  int64_t pid;    /* 0: not known */
  uint32_t file;  /* the reader's number for it; kept with the session */
  uint32_t times; /* the line stands for so many; 0 counts as 1 */
};

/* Counters since the state began, levels as of the last sessions_advance. */
struct sessions_view {
  uint64_t opened, closed, failed;
  uint64_t orphan_closed; /* no such session was open */
  uint64_t late_closed;   /* after it had been called leaked */
  uint64_t paired;        /* normal: opened and closed */
  uint64_t recovered;     /* abnormal: failed, then closed */
  uint64_t untracked;     /* opened while the table was full */
  uint64_t dropped;       /* by a restart or by age */
  int64_t open;           /* at least; exact where is_exact */
  int64_t leaked;
  int64_t unclosed_after_error;
  bool is_exact;
  bool is_one_sided; /* only failures: the log level hides the pairs */
};

struct sessions; /* one owner */

/* Returns 0 or -ENOMEM. */
int sessions_new(const struct sessions_limits *limits,
                 struct sessions **ret_sessions);
void sessions_free(struct sessions *sessions); /* accepts NULL */

/* Counts one line. Time that runs backwards counts as the latest seen. */
void sessions_take(struct sessions *sessions, const struct session_line *line);

/* Lets time pass up to now_s and judges. on_leak (may be NULL) is called once
 * for each session that has become one. */
void sessions_advance(struct sessions *sessions, int64_t now_s,
                      void (*on_leak)(void *context,
                                      const struct session *session,
                                      int64_t age_s),
                      void *context);

void sessions_view(const struct sessions *sessions,
                   struct sessions_view *ret_view);

#endif

/* SPDX-License-Identifier: MIT */
/* session_tracker: counts the database sessions that a log reports: how many
 * are open at least, which were never closed, and how they ended.
 *
 * Without names a log that is read from its middle does not show how many
 * sessions were open before, so only growth is meaningful. A burst grows and
 * falls back; a leak raises the low-water mark of opened - closed in window
 * after window. With names each session is tracked by itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash_map.h"
#include "session_log/state_file.h"

/* ---- a leak in counts alone: leak_trend.c ---- */

#define LEAK_TREND_WINDOWS_MAX 16
/* A leak is no longer reported if it has not grown for this many times the
 * windows that it took to find it: the log does not show when its sessions
 * end. */
#define LEAK_TREND_FORGET_FACTOR 6

struct leak_trend_limits {
  int64_t window_s;  /* 1 or more */
  int64_t windows;   /* in which the low-water mark must rise, 2 ..
                        LEAK_TREND_WINDOWS_MAX */
  int64_t rise;      /* sessions, over these windows together */
  double rise_ratio; /* the same as a part of the sessions opened in them */
};

struct leak_trend_window {
  int64_t lowest;
  int64_t opened;
};

/* All zero before the first event. Not locked: one owner. */
struct leak_trend {
  int64_t net;    /* opened - closed; its zero point means nothing */
  int64_t lowest; /* since the beginning */
  int64_t window_from_s;
  struct leak_trend_window window; /* the one that is running */
  struct leak_trend_window past[LEAK_TREND_WINDOWS_MAX]; /* oldest first */
  size_t past_len;
  bool is_leaking;
  int64_t base; /* the low-water mark before it began to rise */
  int64_t leaked;
  size_t steady_windows; /* since it last rose */
};

/* Counts sessions opened (change > 0) or closed (change < 0). */
void leak_trend_add_change(struct leak_trend *trend, int64_t change);

/* Ends the windows that are over at now_s; times never run backwards. */
void leak_trend_advance(struct leak_trend *trend,
                        const struct leak_trend_limits *limits, int64_t now_s);

/* The application was restarted: nothing is open, nothing leaks. */
void leak_trend_restart(struct leak_trend *trend);

/* ---- the sessions of a log ---- */

/* Times are seconds. leak_after_s: 0: open sessions are never leaks by age. */
struct session_tracker_limits {
  int64_t leak_after_s;
  int64_t close_within_s;         /* after an error */
  int64_t forget_after_s;         /* an open session of this age is dropped */
  struct leak_trend_limits trend; /* for sessions without a name */
  int64_t sessions_max;           /* tracked by name at one time */
};

enum session_event {
  SESSION_OPENED,
  SESSION_CLOSED,
  SESSION_FAILED,
  SESSION_RESTARTED, /* the application, or the worker with this pid */
};

/* One event of one line. id_bytes == 0: the line names no session. */
struct session_tracker_line {
  enum session_event event;
  int64_t at_s; /* since the epoch */
  const char *id;
  size_t id_bytes;
  int64_t pid;      /* 0: not known */
  const char *file; /* that the line was read from */
  uint32_t times;   /* how many lines this one stands for; 0 counts as 1 */
};

/* Counters since the state began, levels as of the last
 * session_tracker_advance. */
struct session_tracker_stats {
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

/* Of a session's name as it is shown, with the NUL. */
#define SESSION_TRACKER_ID_BYTES 40

/* One open session of a log that names them. */
struct session_tracker_entry {
  struct hash_node node;
  struct session_tracker_entry *older, *newer;
  uint64_t key; /* of pid and whole name */
  int64_t opened_s;
  int64_t failed_s; /* 0: no error so far */
  int64_t pid;
  char *file;     /* owned: where its opening was logged; NULL: not known */
  uint32_t depth; /* opened this many times under one name */
  bool is_leaked;
  bool is_unclosed; /* after its error */
  char id[SESSION_TRACKER_ID_BYTES];
};

struct session_tracker; /* one owner */

/* limits: borrowed. Returns 0 or -ENOMEM. */
int session_tracker_new(const struct session_tracker_limits *limits,
                        struct session_tracker **ret_tracker);
void session_tracker_free(struct session_tracker *tracker); /* accepts NULL */

/* Counts one line. Time that runs backwards counts as the latest seen. */
void session_tracker_add_event(struct session_tracker *tracker,
                               const struct session_tracker_line *line);

/* Called once for each session that has become a leak. */
typedef void session_tracker_on_leak(
    void *context, const struct session_tracker_entry *session, int64_t age_s);

/* Adds SECONDS to all times: the clock was set. */
void session_tracker_shift_times(struct session_tracker *tracker,
                                 int64_t seconds);

/* Finds what has become a leak, or unclosed, up to now_s. Times of lines are
 * never ahead of the clock, so if such were seen, the clock was wrong before a
 * restart: all times are shifted. on_leak: may be
 * NULL. */
void session_tracker_advance(struct session_tracker *tracker, int64_t now_s,
                             session_tracker_on_leak *on_leak, void *context);

void session_tracker_get_stats(const struct session_tracker *tracker,
                               struct session_tracker_stats *ret_stats);

/* Saves the sessions, or loads them into a new tracker. Returns 0; -EINVAL for
 * an invalid record; -ENOMEM. After a failure the tracker must be freed. */
int session_tracker_transfer(struct session_tracker *tracker,
                             struct state_file_record *record);

/* SPDX-License-Identifier: MIT */
/* sessions_state: the inside of sessions, for those who count and those who
 * keep it over a restart. */
#ifndef SESSION_LOG_SESSIONS_SESSIONS_STATE_H
#define SESSION_LOG_SESSIONS_SESSIONS_STATE_H

#include "session_log/sessions/floor.h"
#include "session_log/sessions/sessions.h"

#define UNNAMED_FAILURES_MAX 64

/* Errors of sessions without a name that no close has followed so far. */
struct unnamed_failures {
  struct {
    int64_t at_s;
    int64_t count;
  } pending[UNNAMED_FAILURES_MAX]; /* oldest first */
  size_t pending_len;
  int64_t unclosed;     /* waited for longer than CloseWithin */
  int64_t opened_since; /* the next closes are theirs */
};

struct sessions {
  struct sessions_limits limits;
  struct sessions_view
      view; /* the counters in it; levels are made of what follows */
  struct floor floor;
  struct session_table table;
  struct unnamed_failures unnamed;
  int64_t latest_s;
  int64_t named_open;
  int64_t leaked;      /* marked in the table */
  int64_t unclosed;    /* marked in the table */
  int64_t failed_open; /* in the table, with an error */
  uint64_t unnamed_opened;
  bool has_names;
};

#endif

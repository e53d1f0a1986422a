/* SPDX-License-Identifier: MIT */
/* options: the options of a <Plugin session_log> block. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"
#include "session_log/sessions/session_tracker.h"
#include "session_log/tail/tail_file.h"

enum log_start {
  LOG_START_END,
  LOG_START_BEGINNING,
};

/* One <Log>. Patterns are texts here; all of them were checked. */
struct log_options {
  struct option_head head;
  struct option_strings files;
  char *opened, *closed, *failed;
  char *error;       /* NULL: the level field of the line decides */
  char *level_field; /* of JSON lines; NULL: the usual ones */
  char *restart;     /* NULL: none */
  char *timed_out;
  char *session; /* NULL: sessions have no name */
  char *pid;     /* NULL: one process */
  struct session_tracker_limits sessions;
  struct tail_file_limits read;
  int64_t leak_notifications_per_minute;
  int start_at; /* enum log_start */
};

struct session_log_options {
  struct option_head head;
  char *state_dir;
  int64_t max_reads_per_s;   /* 0: at the interval only */
  struct option_blocks logs; /* struct log_options */
};

extern const struct option_block session_log_options;

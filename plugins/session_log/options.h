/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin session_log> block may hold. */
#ifndef SESSION_LOG_OPTIONS_H
#define SESSION_LOG_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"

enum log_start {
  LOG_START_END,
  LOG_START_BEGINNING,
};

/* One <Log>. Patterns are texts here; all of them compile. */
struct log_options {
  struct option_head head;
  struct option_strings files;
  char *opened, *closed, *failed;
  char *error;   /* NULL: the level field of the line decides */
  char *restart; /* NULL: none */
  char *timed_out;
  char *session; /* NULL: sessions have no name */
  char *pid;     /* NULL: one process */
  int64_t leak_after_s;
  int64_t close_within_s;
  int64_t forget_after_s;
  int64_t floor_window_s;
  int64_t floor_windows;
  int64_t floor_rise;
  double floor_ratio;
  int64_t max_sessions;
  int64_t rotate_wait_s;
  int64_t max_line_bytes;
  int64_t max_read_bytes;
  int start_at; /* enum log_start */
};

struct session_log_options {
  struct option_head head;
  char *state_dir;
  int64_t max_rate;          /* reads a second; 0: at the interval only */
  struct option_blocks logs; /* struct log_options */
};

extern const struct option_block session_log_options;

#endif

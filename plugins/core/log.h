/* SPDX-License-Identifier: MIT */
/* log: one line for the log, and when to log a fault that lasts: at once, then
 * once an hour, and when it ends. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level {
  LOG_LEVEL_ERROR,
  LOG_LEVEL_WARNING,
  LOG_LEVEL_NOTICE,
  LOG_LEVEL_INFO,
  LOG_LEVEL_DEBUG,
};

/* write: gets one line without a newline, "object: what[: cause][; what
 * follows]", lower case, no full stop, and puts the plugin's name in front. The
 * line is borrowed. May be called from any thread. */
struct log_sink {
  void (*write)(void *context, enum log_level level, const char *line);
  void *context;
};

#define LOG_LINE_BYTES 1024

/* Formats one line and hands it to the sink; control characters become '?'.
 * sink may be NULL: then the line is dropped. */
void log_write(const struct log_sink *sink, enum log_level level,
               const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- faults that last ---- */

#define LOG_REMINDER_MS (INT64_C(3600) * 1000)

/* All zero: there is no fault. Not locked: one owner. */
struct log_complaint {
  bool is_open;
  int64_t since_ms;
  int64_t logged_ms;
  uint64_t count; /* failures since it began */
};

/* A failure at now_ms (monotonic). True if it should be logged now; count is
 * then how often it has happened. */
bool log_complaint_fail(struct log_complaint *complaint, int64_t now_ms);

/* A success at now_ms. True if the recovery should be logged; *ret_lasted_ms
 * (may be NULL) is then how long the fault lasted. */
bool log_complaint_clear(struct log_complaint *complaint, int64_t now_ms,
                         int64_t *ret_lasted_ms);

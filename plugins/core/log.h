/* SPDX-License-Identifier: MIT */
/* log: one log line to whoever listens, and the rhythm of lines about a fault
 * that lasts. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
  LOG_LEVEL_ERROR,
  LOG_LEVEL_WARNING,
  LOG_LEVEL_NOTICE,
  LOG_LEVEL_INFO,
  LOG_LEVEL_DEBUG,
};

/* say: gets one line without a newline, "object: what[: cause][; what we do]",
 * lower case, no full stop; the listener puts the plugin's name in front.
 * The line is borrowed. May be called from any thread. */
struct log_sink {
  void (*write)(void *context, enum log_level level, const char *line);
  void *context;
};

#define LOG_LINE_BYTES 1024

/* Formats one line and hands it to the sink; control characters become '?'.
 * sink may be NULL: then nobody listens. */
void log_write(const struct log_sink *sink, enum log_level level,
               const char *format, ...) __attribute__((format(printf, 3, 4)));

#define COMPLAINT_REMINDER_MS (INT64_C(3600) * 1000)

/* All zero is "nothing is wrong". Not locked: one owner. */
struct complaint {
  bool is_open;
  int64_t since_ms;
  int64_t said_ms;
  uint64_t count; /* failures since it began */
};

/* A failure at now_ms (monotonic). True if it should be said now; count then
 * tells how often it has happened. */
bool complaint_fail(struct complaint *complaint, int64_t now_ms);

/* A success at now_ms. True if a recovery should be said; *ret_lasted_ms (may
 * be NULL) then tells how long the fault stood. */
bool complaint_clear(struct complaint *complaint, int64_t now_ms,
                     int64_t *ret_lasted_ms);

#endif

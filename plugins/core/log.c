/* SPDX-License-Identifier: MIT */
/* log: one line for the log, and when to log a fault that lasts. */
#include "core/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "core/text.h"

void log_write(const struct log_sink *sink, enum log_level level,
               const char *format, ...) {
  if (sink == NULL || sink->write == NULL) {
    return;
  }
  char line[LOG_LINE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  text_blank_controls(line);
  sink->write(sink->context, level, line);
}

bool log_complaint_fail(struct log_complaint *complaint, int64_t now_ms) {
  complaint->count++;
  if (!complaint->is_open) {
    complaint->is_open = true;
    complaint->since_ms = now_ms;
    complaint->logged_ms = now_ms;
    return true;
  }
  if (now_ms - complaint->logged_ms >= LOG_REMINDER_MS) {
    complaint->logged_ms = now_ms;
    return true;
  }
  return false;
}

bool log_complaint_clear(struct log_complaint *complaint, int64_t now_ms,
                         int64_t *ret_lasted_ms) {
  if (!complaint->is_open) {
    return false;
  }
  if (ret_lasted_ms != NULL) {
    *ret_lasted_ms = now_ms - complaint->since_ms;
  }
  *complaint = (struct log_complaint){0};
  return true;
}

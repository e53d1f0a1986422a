/* SPDX-License-Identifier: MIT */
/* log: formats one line for the log and hands it on. */
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

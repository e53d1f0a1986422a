/* SPDX-License-Identifier: MIT */
/* report: how a trade says something without knowing who listens. */
#include "core/report.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "core/text.h"

void report(const struct report_sink *sink, enum report_level level,
            const char *format, ...) {
  if (sink == NULL || sink->say == NULL) {
    return;
  }
  char line[REPORT_LINE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  text_blank_controls(line);
  sink->say(sink->context, level, line);
}

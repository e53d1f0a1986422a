/* SPDX-License-Identifier: MIT */
/* report: how a trade says something without knowing who listens. */
#include "core/report.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

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
  for (unsigned char *c = (unsigned char *)line; *c != '\0'; c++) {
    if (*c < ' ' || *c == 0x7f) {
      *c = '?';
    }
  }
  sink->say(sink->context, level, line);
}

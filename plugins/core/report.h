/* SPDX-License-Identifier: MIT */
/* report: how a trade says something without knowing who listens. */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

enum report_level {
  REPORT_ERROR,
  REPORT_WARNING,
  REPORT_NOTICE,
  REPORT_INFO,
  REPORT_DEBUG,
};

/* say: gets one line without a newline, "object: what[: cause][; what we do]",
 * lower case, no full stop; the listener puts the plugin's name in front.
 * The line is borrowed. May be called from any thread. */
struct report_sink {
  void (*say)(void *context, enum report_level level, const char *line);
  void *context;
};

#define REPORT_LINE_BYTES 1024

/* Formats one line and hands it to the sink; control characters become '?'.
 * sink may be NULL: then nobody listens. */
void report(const struct report_sink *sink, enum report_level level,
            const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif

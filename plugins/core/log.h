/* SPDX-License-Identifier: MIT */
/* log: formats one line for the log and hands it on. */
#pragma once

#include "core/complaint.h"

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

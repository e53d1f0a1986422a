/* SPDX-License-Identifier: MIT */
/* scanner: bytes in, the lines that hold one of a set of texts out. */
#ifndef SESSION_LOG_SCAN_SCANNER_H
#define SESSION_LOG_SCAN_SCANNER_H

#include <stddef.h>
#include <stdint.h>

#include "session_log/scan/pattern.h"
#include "session_log/scan/prefilter.h"

#define SCANNER_TEXTS_MAX 64
/* Readable bytes that must follow the data given to scanner_run. */
#define SCANNER_SLACK_BYTES PREFILTER_SLACK_BYTES

struct scanner; /* read only once made: may be shared between threads */

/* Makes a scanner for the texts (copied; PATTERN_LITERAL_BYTES_MIN or more
 * bytes each, no newline; at most SCANNER_TEXTS_MAX).
 * Returns 0, -EINVAL or -ENOMEM. */
int scanner_new(const struct pattern_span *texts, size_t texts_len,
                struct scanner **ret_scanner);
void scanner_free(struct scanner *scanner); /* accepts NULL */

/* For tests: takes this engine. Returns 0 or -ENOTSUP. */
int scanner_use(struct scanner *scanner, enum prefilter_engine engine);

struct scanner_line {
  const char *text; /* without newline and carriage return */
  size_t bytes;
  uint64_t texts; /* bit i: texts[i] stands in it */
};

/* Calls TAKE once for each line of DATA that holds a text, in order. A line
 * ends at a newline or at the end of the data. Returns the number of newlines.
 */
size_t scanner_run(const struct scanner *scanner, const char *data,
                   size_t bytes,
                   void (*take)(void *context, const struct scanner_line *line),
                   void *context);

#endif

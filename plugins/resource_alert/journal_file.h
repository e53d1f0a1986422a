/* SPDX-License-Identifier: MIT */
/* journal_file: the journal's file, whatever is done to it meanwhile. */
#ifndef RESOURCE_ALERT_JOURNAL_FILE_H
#define RESOURCE_ALERT_JOURNAL_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/log.h"

/* One thread's. */
struct journal_file {
  char *path; /* owned by whoever made it */
  struct log_sink log;
  int file; /* -1: none */
  struct complaint complaint;
  bool is_torn; /* it ends within a line, which a kill left behind */
};

/* Appends a whole line or nothing. The file is made, and opened again when it
 * was moved or deleted. Returns false if the line is lost; that is said once,
 * and once when it is over. */
bool journal_file_write(struct journal_file *file, const char *line);

/* Accepts one that was never opened. */
void journal_file_close(struct journal_file *file);

/* Looks at the end of a file of before. Returns the sequence of its last line,
 * 0 if there is none. */
uint64_t journal_file_resume(struct journal_file *file);

#endif

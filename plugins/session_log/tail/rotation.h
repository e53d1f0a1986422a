/* SPDX-License-Identifier: MIT */
/* rotation: whether a file that appears holds new lines, or is a copy of what
 * was read already. */
#pragma once

#include "session_log/options.h"
#include "session_log/tail/directory_scan.h"
#include "session_log/tail/tail_file.h"

/* Those that a scan finds, and those that were moved away and are still read;
 * further ones wait. */
#define ROTATION_FILES_MAX (2 * DIRECTORY_SCAN_MAX)

/* The known files of one log. One owner: its tail, which reads them. */
struct rotation {
  const struct log_options *options; /* borrowed */
  const struct log_sink *log;        /* borrowed */
  struct tail_file **files;          /* owned */
  size_t files_len;
  bool has_begun;     /* the first scan is over: what appears now is new */
  int64_t newest_ns;  /* latest modification of a file up to the last scan */
  uint64_t truncated; /* counter */
};

void rotation_fini(struct rotation *rotation);

/* Sorts the files from number FIRST on by their modification, so that rotated
 * ones are read in the order in which they were written. */
void rotation_sort(struct rotation *rotation, size_t first);

/* Adds FILE, taken. Returns 0, or -ENOMEM and frees it. */
int rotation_add(struct rotation *rotation, struct tail_file *file);

/* Logs that FILE cannot be opened or read (CODE: negative errno), at once and
 * then hourly, and closes it. */
void rotation_close_failed_file(const struct rotation *rotation,
                                struct tail_file *file, int code,
                                int64_t mono_ms);

/* Closes a followed file that was read to its end and has no writer any more.
 * Its copies have no original then. */
void rotation_finish_file(struct rotation *rotation, struct tail_file *file);

/* FILE (open) is about to be read from its beginning: moves its offset behind
 * the lines that were read of the file whose place it has taken, or of itself
 * before it was written anew. */
void rotation_skip_read_lines(struct rotation *rotation,
                              struct tail_file *file);

/* Adds the files that SCAN has found and that are not known yet, and looks
 * again at copies: which hold new lines, which repeat what was read. Forgets
 * files that are gone and read. The known files are checked before. Returns 0
 * or -ENOMEM. */
int rotation_classify_files(struct rotation *rotation,
                            const struct directory_scan *scan, int64_t mono_ms);

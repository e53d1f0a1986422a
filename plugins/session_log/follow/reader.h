/* SPDX-License-Identifier: MIT */
/* reader: the bytes of one file, from where it was left, as whole lines. */
#ifndef SESSION_LOG_FOLLOW_READER_H
#define SESSION_LOG_FOLLOW_READER_H

#include <stddef.h>
#include <stdint.h>

#include "session_log/follow/tracked.h"

/* Read at once: what fits the second-level cache is scanned fastest. */
#define READER_CHUNK_BYTES 262144
#define READER_CHUNK_BYTES_MIN 8192

/* Grows for over-long lines only. All zero is an empty one. */
struct reader_buffer {
  void *memory; /* owned */
  char *data;   /* in it, at the start of a cache line */
  size_t room;
};

struct reader_limits {
  size_t max_line_bytes; /* the rest of a longer line is skipped */
  uint64_t max_bytes;    /* at one call */
};

struct reader_counts {
  uint64_t bytes;
  uint64_t long_lines;
};

/* lines: gets whole lines, each with its newline; the last one may lack it
 * where the file ends for good or the line is cut. SCANNER_SLACK_BYTES behind
 * them may be read. Borrowed for the call. */
struct reader_sink {
  void (*lines)(void *context, const struct tracked *file, const char *data,
                size_t bytes);
  void *context;
};

void reader_buffer_fini(struct reader_buffer *buffer);

/* Reads FILE (open, looked at) up to its end or the limit, and moves its
 * offset, marker and head. An unfinished last line waits, unless the file is
 * final. read(2), never mmap: a truncation would kill the daemon.
 * Returns 0; -EAGAIN if the content changed in the meantime, which the next
 * look sorts out; -ENOMEM; or another negative errno. */
int reader_read(struct tracked *file, struct reader_buffer *buffer,
                const struct reader_limits *limits,
                const struct reader_sink *sink, struct reader_counts *counts);

#endif

/* SPDX-License-Identifier: MIT */
/* reader: reads what is to be collected, and says what cannot be read. */
#ifndef STATGRAB_READER_H
#define STATGRAB_READER_H

#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "statgrab/groups.h"
#include "statgrab/options.h"

struct reader;

/* options: complete, borrowed. sink_of: called here only. log: copied.
 * *ret_reader: yours, reader_free(). Returns 0 or negative errno. */
int reader_new(const struct statgrab_options *options, sink_of_fn *sink_of,
               const struct log_sink *log, struct reader **ret_reader,
               struct error *error);

/* Reads everything but file systems. What cannot be read is left out and said
 * once. now_ms: monotonic. One thread at a time. */
void reader_read(struct reader *reader, int64_t now_ms);

/* Reads file systems, waiting for them until deadline_ms (monotonic);
 * likewise, and possibly beside reader_read(). */
void reader_read_file_systems(struct reader *reader, int64_t now_ms,
                              int64_t deadline_ms);

/* Waits until deadline_ms for what is under way. Accepts NULL. Returns the
 * number of threads left behind, each waiting for a file system that does not
 * answer. */
unsigned reader_free(struct reader *reader, int64_t deadline_ms);

#endif

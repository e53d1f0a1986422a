/* SPDX-License-Identifier: MIT */
/* reader: reads the groups that are asked for and puts their values out. */
#ifndef STATGRAB_READER_H
#define STATGRAB_READER_H

#include <stdint.h>

#include "core/error.h"
#include "core/report.h"
#include "core/sample.h"
#include "statgrab/options.h"

struct reader;

/* Gives the sink that sends under the name of PLUGIN, a literal. */
typedef struct sample_sink reader_sink_fn(const char *plugin);

/* options: complete, borrowed. sink_of: called here only. log: borrowed.
 * *ret_reader: yours, reader_free(). Returns 0 or negative errno. */
int reader_new(const struct statgrab_options *options, reader_sink_fn *sink_of,
               const struct report_sink *log, struct reader **ret_reader,
               struct error *error);

/* Reads everything but file systems. What cannot be read is left out and said
 * once. now_ms: monotonic. One thread at a time. */
void reader_read(struct reader *reader, int64_t now_ms);

/* Reads file systems; likewise, and beside reader_read(). */
void reader_read_file_systems(struct reader *reader, int64_t now_ms);

/* Accepts NULL. */
void reader_free(struct reader *reader);

#endif

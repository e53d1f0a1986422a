/* SPDX-License-Identifier: MIT */
/* state_file: everything that is kept over a restart, in one file a log.
 *
 * Offsets and counters are written together, so they are rolled back together:
 * after a crash the same lines are read again into the same counters, and each
 * counts once. Each module saves and loads its own part with these functions.
 */
#ifndef SESSION_LOG_STATE_FILE_H
#define SESSION_LOG_STATE_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/log.h"

/* All zero is an empty record. */
struct state_file_writer {
  char *data; /* owned */
  size_t bytes;
  size_t max;
  bool is_failed; /* memory was short: the record is incomplete */
};

void state_file_put_number(struct state_file_writer *writer, uint64_t number);
void state_file_put_signed(struct state_file_writer *writer, int64_t number);
void state_file_put_text(struct state_file_writer *writer, const char *text,
                         size_t bytes);
void state_file_put_raw(struct state_file_writer *writer, const void *data,
                        size_t bytes); /* without its length */
void state_file_writer_fini(struct state_file_writer *writer);

/* Once something does not fit, all that follows is zero and empty. */
struct state_file_reader {
  const char *at;
  const char *end;
  bool is_failed;
};

uint64_t state_file_get_number(struct state_file_reader *reader);
/* Between -2^62 and 2^62 - 1, else the record is bad: sums of two fit. */
int64_t state_file_get_signed(struct state_file_reader *reader);

/* A number that must not exceed MAX; else the reader has failed. */
uint64_t state_file_get_up_to(struct state_file_reader *reader, uint64_t max);
bool state_file_get_flag(struct state_file_reader *reader);

/* *ret_text: borrowed from the record, not terminated. Returns its length, at
 * most MAX_BYTES. */
size_t state_file_get_text(struct state_file_reader *reader, size_t max_bytes,
                           const char **ret_text);

/* The same, copied and terminated. path: PATH_MAX bytes. */
void state_file_get_path(struct state_file_reader *reader, char path[PATH_MAX]);

/* Begin a record, and end it with a checksum. */
void state_file_begin(struct state_file_writer *writer);
void state_file_end(struct state_file_writer *writer);

/* Begins to read a record (borrowed): checks its format and checksum.
 * Returns 0 or -EINVAL. */
int state_file_open(struct state_file_reader *reader, const char *data,
                    size_t bytes);

/* True if the record was valid and nothing of it is left. */
bool state_file_is_read_whole(const struct state_file_reader *reader);

/* DIRECTORY/NAME.state. One owner. */
struct state_file {
  const char *directory, *name; /* borrowed */
  const struct log_sink *log;   /* borrowed */
  uint64_t written_hash;        /* of the record written last; 0: none */
  struct complaint unsaved;
};

/* Reads the file, while nobody writes in its directory: removes what killed
 * daemons have left half written. *ret_data: yours, free().
 * Returns 0; -ENOENT or -ENOTDIR where there is none; another negative errno,
 * which is logged. */
int state_file_read(const struct state_file *file, char **ret_data,
                    size_t *ret_bytes);

/* Moves an invalid file to NAME.state.bad, and logs it. */
void state_file_set_aside(const struct state_file *file);

/* Writes the record unless it is the one written last; makes the directory if
 * it is missing. A failure is logged at once and then hourly. */
void state_file_write(struct state_file *file,
                      const struct state_file_writer *writer, int64_t mono_ms);

#endif

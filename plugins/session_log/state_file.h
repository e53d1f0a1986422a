/* SPDX-License-Identifier: MIT */
/* state_file: everything that is kept over a restart, in one file a log.
 *
 * Offsets and counters are written together, so they are rolled back together:
 * after a crash the same lines are read again into the same counters, and each
 * counts once. Each module saves and loads its own part with these functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/log.h"

/* A record that is saved or loaded. All zero is an empty one to save. */
struct state_file_record {
  char *data; /* owned */
  size_t bytes;
  size_t max;
  size_t at; /* loading: of the next byte */
  bool is_loading;
  bool is_failed; /* saving: memory was short; loading: it is invalid */
};
void state_file_record_fini(struct state_file_record *record);

/* Begin a record to save, and end it with a checksum. */
void state_file_begin_record(struct state_file_record *record);
void state_file_end_record(struct state_file_record *record);

/* Begins to load the record in data and bytes: checks its format and checksum.
 * Returns 0 or -EINVAL. */
int state_file_begin_loading(struct state_file_record *record);

/* True if it was valid and all of it was loaded. */
bool state_file_is_loaded_whole(const struct state_file_record *record);

/* Save or load one value: one list of statements does both. What is loaded from
 * an invalid record is zero and empty.
 * signed: -2^62 .. 2^62 - 1, so that sums of two fit. size: 0 .. max. count: up
 * to INT32_MAX. text: text_max bytes with the NUL. */
void state_file_transfer_number(struct state_file_record *record,
                                uint64_t *number);
void state_file_transfer_signed(struct state_file_record *record,
                                int64_t *number);
void state_file_transfer_size(struct state_file_record *record, size_t *number,
                              size_t max);
void state_file_transfer_count(struct state_file_record *record,
                               uint32_t *number);
void state_file_transfer_flag(struct state_file_record *record, bool *flag);
void state_file_transfer_text(struct state_file_record *record, char *text,
                              size_t text_max);

/* Saves bytes as they are. */
void state_file_put_bytes(struct state_file_record *record, const void *data,
                          size_t bytes);

/* DIRECTORY/NAME.state. One owner. */
struct state_file {
  const char *directory, *name; /* borrowed */
  const struct log_sink *log;   /* borrowed */
  uint64_t written_hash;        /* of the record written last; 0: none */
  int64_t unread_ms; /* the first read that failed, monotonic; 0: none */
  bool is_unread;    /* its content is not known: it is not overwritten */
  struct log_complaint unsaved;
};

/* Reads the file, and removes what killed daemons have left half written.
 * record: yours, also on failure.
 * Returns 0; -ENOENT or -ENOTDIR where there is none; -EAGAIN for an error that
 * may pass, for a minute; another negative errno after that. Errors are logged.
 */
int state_file_sweep_and_read(struct state_file *file, int64_t mono_ms,
                              struct state_file_record *record);

/* Moves an invalid file to NAME.state.bad, and logs it. */
void state_file_set_aside(const struct state_file *file);

/* Writes the record unless it is the one written last; makes the directory if
 * it is missing. A failure is logged at once and then hourly. */
void state_file_write_if_changed(struct state_file *file,
                                 const struct state_file_record *record,
                                 int64_t mono_ms);

/* SPDX-License-Identifier: MIT */
/* record: numbers and texts in a row of bytes, the same on every machine. */
#ifndef SESSION_LOG_RECORD_H
#define SESSION_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is an empty record. */
struct record_writer {
  char *data; /* owned */
  size_t bytes;
  size_t room;
  bool is_failed; /* memory was short: the record is incomplete */
};

void record_put(struct record_writer *writer, uint64_t number);
void record_put_signed(struct record_writer *writer, int64_t number);
void record_put_text(struct record_writer *writer, const char *text,
                     size_t bytes);
void record_writer_fini(struct record_writer *writer);

/* Once something does not fit, all that follows is zero and empty. */
struct record_reader {
  const char *at;
  const char *end;
  bool is_failed;
};

uint64_t record_get(struct record_reader *reader);
/* Between -2^62 and 2^62 - 1, else the record is bad: sums of two fit. */
int64_t record_get_signed(struct record_reader *reader);

/* A number that must not exceed MAX; else the reader has failed. */
uint64_t record_get_up_to(struct record_reader *reader, uint64_t max);
bool record_get_flag(struct record_reader *reader);

/* *ret_text: borrowed from the record, not terminated. Returns its length, at
 * most MAX_BYTES. */
size_t record_get_text(struct record_reader *reader, size_t max_bytes,
                       const char **ret_text);

#endif

/* SPDX-License-Identifier: MIT */
/* record: numbers and texts in a row of bytes, the same on every machine.
 * Numbers are written seven bits a byte, low bits first: most are small. */
#include "session_log/record.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES_MAX 10
/* Sums and differences of two signed numbers fit, whatever a file holds. */
#define SIGNED_END (UINT64_C(1) << 62)

static bool make_room(struct record_writer *writer, size_t more) {
  if (writer->is_failed) {
    return false;
  }
  if (writer->room - writer->bytes >= more) {
    return true;
  }
  size_t room = writer->room * 2 + more + 256;
  char *data = realloc(writer->data, room);
  if (data == NULL) {
    writer->is_failed = true;
    return false;
  }
  writer->data = data;
  writer->room = room;
  return true;
}

void record_put(struct record_writer *writer, uint64_t number) {
  if (!make_room(writer, NUMBER_BYTES_MAX)) {
    return;
  }
  for (; number >= 0x80; number >>= 7) {
    writer->data[writer->bytes++] = (char)(unsigned char)(number | 0x80);
  }
  writer->data[writer->bytes++] = (char)number;
}

/* 0, -1, 1, -2 become 0, 1, 2, 3. */
void record_put_signed(struct record_writer *writer, int64_t number) {
  uint64_t bits = (uint64_t)number << 1;
  record_put(writer, number < 0 ? ~bits : bits);
}

void record_put_text(struct record_writer *writer, const char *text,
                     size_t bytes) {
  record_put(writer, bytes);
  if (make_room(writer, bytes)) {
    memcpy(writer->data + writer->bytes, text, bytes);
    writer->bytes += bytes;
  }
}

void record_writer_fini(struct record_writer *writer) {
  free(writer->data);
  *writer = (struct record_writer){0};
}

uint64_t record_get(struct record_reader *reader) {
  uint64_t number = 0;
  for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
    unsigned char byte = (unsigned char)*reader->at++;
    if (shift == 63 && byte > 1) { /* more than 64 bits */
      break;
    }
    number |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      return number;
    }
  }
  reader->is_failed = true;
  reader->at = reader->end;
  return 0;
}

int64_t record_get_signed(struct record_reader *reader) {
  uint64_t bits = record_get(reader);
  uint64_t half = bits >> 1;
  if (half >= SIGNED_END) {
    reader->is_failed = true;
    reader->at = reader->end;
    return 0;
  }
  return (bits & 1) != 0 ? -(int64_t)half - 1 : (int64_t)half;
}

uint64_t record_get_up_to(struct record_reader *reader, uint64_t max) {
  uint64_t number = record_get(reader);
  if (number > max) {
    reader->is_failed = true;
    reader->at = reader->end;
    return 0;
  }
  return number;
}

bool record_get_flag(struct record_reader *reader) {
  return record_get_up_to(reader, 1) == 1;
}

size_t record_get_text(struct record_reader *reader, size_t max_bytes,
                       const char **ret_text) {
  size_t bytes = (size_t)record_get_up_to(reader, max_bytes);
  if (bytes > (size_t)(reader->end - reader->at)) {
    reader->is_failed = true;
    reader->at = reader->end;
    bytes = 0;
  }
  *ret_text = reader->at;
  reader->at += bytes;
  return bytes;
}

/* SPDX-License-Identifier: MIT */
/* reader: the bytes of one file, from where it was left, as whole lines.
 *
 * Each read begins a little before the offset and takes in the bytes that the
 * marker knows: so the content is verified by the very call that fetches it,
 * and no truncation can slip in between. */
#include "session_log/follow/reader.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "session_log/hash.h"
#include "session_log/scan/scanner.h"

#define CACHE_LINE_BYTES ((size_t)64)

struct chunk {
  const char *data; /* from the offset on */
  size_t bytes;
  size_t back;  /* known bytes in front of it */
  bool is_last; /* it reaches the end of the file */
};

void reader_buffer_fini(struct reader_buffer *buffer) {
  free(buffer->memory);
  *buffer = (struct reader_buffer){0};
}

/* What is in it is lost. Across cache lines the search takes a sixth longer. */
static int make_room(struct reader_buffer *buffer, size_t room) {
  if (buffer->room >= room) {
    return 0;
  }
  reader_buffer_fini(buffer);
  buffer->memory = malloc(room + SCANNER_SLACK_BYTES + CACHE_LINE_BYTES);
  if (buffer->memory == NULL) {
    return -ENOMEM;
  }
  size_t over = (uintptr_t)buffer->memory % CACHE_LINE_BYTES;
  buffer->data = (char *)buffer->memory + (CACHE_LINE_BYTES - over);
  buffer->room = room;
  return 0;
}

static int fetch(struct tracked *file, struct reader_buffer *buffer,
                 struct chunk *ret_chunk) {
  size_t back = file->marker.bytes;
  uint64_t from = file->offset - back;
  int64_t got = read_at(file->fd, buffer->data, buffer->room, from);
  if (got < 0) {
    return (int)got;
  }
  if (back > 0 && ((size_t)got < back ||
                   hash_bytes(buffer->data, back, 0) != file->marker.hash)) {
    file->is_settled = false;
    return -EAGAIN;
  }
  memset(buffer->data + got, 0, SCANNER_SLACK_BYTES);
  if (from == file->head.from && file->head.bytes < FINGERPRINT_BYTES) {
    file->head = fingerprint_of(buffer->data, (size_t)got, from);
  }
  *ret_chunk = (struct chunk){
      .data = buffer->data + back,
      .bytes = (size_t)got - back,
      .back = back,
      .is_last = (size_t)got < buffer->room,
  };
  return 0;
}

/* Moves the offset over BYTES of the chunk. */
static void consume(struct tracked *file, const struct chunk *chunk,
                    size_t bytes) {
  size_t known = chunk->back + bytes;
  size_t marked = known < MARKER_BYTES ? known : MARKER_BYTES;
  file->offset += bytes;
  file->marker = fingerprint_of(chunk->data + bytes - marked, marked,
                                file->offset - marked);
}

static size_t skip_rest(struct tracked *file, const struct chunk *chunk) {
  const char *newline = memchr(chunk->data, '\n', chunk->bytes);
  file->is_skipping = newline == NULL;
  return newline == NULL ? chunk->bytes : (size_t)(newline - chunk->data) + 1;
}

/* How many bytes of the chunk are lines to be taken now. */
static size_t measure_lines(struct tracked *file, const struct chunk *chunk,
                            const struct reader_limits *limits,
                            struct reader_counts *counts) {
  const char *newline = memrchr(chunk->data, '\n', chunk->bytes);
  if (newline != NULL) {
    return (size_t)(newline - chunk->data) + 1;
  }
  if (chunk->bytes >= limits->max_line_bytes) {
    counts->long_lines++;
    file->is_skipping = true;
    return limits->max_line_bytes;
  }
  return chunk->is_last && file->is_final ? chunk->bytes : 0;
}

/* Room for what the file held at the last look and a little more; most reads
 * are of a few lines, and memory that the kernel has to clear costs more than
 * they do. */
static size_t first_room(const struct tracked *file) {
  uint64_t wanted = file->marker.bytes + READER_CHUNK_BYTES_MIN;
  if (file->size > file->offset) {
    wanted += file->size - file->offset;
  }
  return wanted < READER_CHUNK_BYTES ? (size_t)wanted : READER_CHUNK_BYTES;
}

int reader_read(struct tracked *file, struct reader_buffer *buffer,
                const struct reader_limits *limits,
                const struct reader_sink *sink, struct reader_counts *counts) {
  uint64_t end = file->offset + limits->max_bytes;
  int code = make_room(buffer, first_room(file));
  file->was_drained = file->is_drained;
  file->is_drained = false;
  while (code == 0 && file->offset < end) {
    struct chunk chunk = {0};
    code = fetch(file, buffer, &chunk);
    if (code != 0 || chunk.bytes == 0) {
      file->is_drained = code == 0;
      break;
    }
    size_t taken;
    if (file->is_skipping) {
      taken = skip_rest(file, &chunk);
    } else {
      taken = measure_lines(file, &chunk, limits, counts);
      if (taken > 0) {
        sink->lines(sink->context, file, chunk.data, taken);
      }
    }
    if (taken == 0 && chunk.is_last) {
      file->is_drained = true; /* an unfinished line: it waits */
      break;
    }
    if (taken == 0) {
      size_t most = limits->max_line_bytes + MARKER_BYTES + 1;
      code =
          make_room(buffer, buffer->room * 2 < most ? buffer->room * 2 : most);
      continue;
    }
    counts->bytes += taken;
    consume(file, &chunk, taken);
    if (chunk.is_last && taken == chunk.bytes) {
      file->is_drained = true;
      break;
    }
  }
  return code;
}

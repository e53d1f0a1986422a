/* SPDX-License-Identifier: MIT */
/* edited_file: where the lines that were read end in a file that an editor, sed
 * or rsync wrote in the place of a log. */
#include "session_log/tail/edited_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash_map.h"

#define SEARCH_CHUNK_BYTES ((size_t)262144)
/* From the end: what is new is there. */
#define SEARCH_BYTES ((uint64_t)64 << 20)
/* A line with fewer is no proof: most times and names have more. */
#define TELLING_DIGITS 4

int edited_file_read_end_mark(const struct tail_file *file,
                              struct tail_file_mark *ret_mark) {
  char data[4096];
  struct tail_file_status status;
  *ret_mark = (struct tail_file_mark){0};
  int code = tail_file_stat_fd(file->fd, &status);
  if (code != 0) {
    return code;
  }
  uint64_t from = status.size > sizeof(data) ? status.size - sizeof(data) : 0;
  int64_t got = tail_file_read_at(file->fd, data, sizeof(data), from);
  const char *newline = got > 0 ? memrchr(data, '\n', (size_t)got) : NULL;
  if (newline == NULL) {
    return got < 0 ? (int)got : 0;
  }
  size_t end = (size_t)(newline - data) + 1;
  /* Two lines: those before them may have been edited. */
  const char *start = data + end - 1;
  for (int i = 0; i < 2 && start != NULL; i++) {
    start = memrchr(data, '\n', (size_t)(start - data));
  }
  size_t bytes = start == NULL ? end : end - (size_t)(start + 1 - data);
  bytes = bytes < TAIL_FILE_MARKER_BYTES ? bytes : TAIL_FILE_MARKER_BYTES;
  ret_mark->from = from + end - bytes;
  ret_mark->bytes = (uint32_t)bytes;
  ret_mark->hash = hash_map_hash_seeded(data + end - bytes, bytes, 0);
  return 0;
}

static size_t count_digits(const char *text, size_t bytes) {
  size_t digits = 0;
  for (size_t i = 0; i < bytes; i++) {
    digits += isdigit((unsigned char)text[i]) != 0;
  }
  return digits;
}

/* True if TEXT, which ends with a newline, ends with two lines that an
 * application does not write twice, or with much of one. */
static bool is_telling(const char *text, size_t bytes) {
  const char *before = memrchr(text, '\n', bytes - 1);
  if (before == NULL) {
    return bytes == TAIL_FILE_MARKER_BYTES &&
           count_digits(text, bytes) >= TELLING_DIGITS;
  }
  const char *line = before + 1;
  size_t rest = (size_t)(line - text);
  return count_digits(line, bytes - rest) >= TELLING_DIGITS &&
         count_digits(text, rest) >= TELLING_DIGITS &&
         memmem(text, rest, line, bytes - rest) == NULL;
}

struct mark_search {
  const struct tail_file_mark *mark;
  size_t found;
  uint64_t offset; /* behind the last line that was found */
};

/* Looks at the lines that end in DATA, read at FROM, behind its first BACK
 * bytes. */
static void search_lines(struct mark_search *search, const char *data,
                         size_t bytes, size_t back, uint64_t from) {
  size_t want = search->mark->bytes;
  size_t at = back;
  const char *newline;
  while (at < bytes &&
         (newline = memchr(data + at, '\n', bytes - at)) != NULL) {
    at = (size_t)(newline - data) + 1;
    if (at >= want &&
        hash_map_hash_seeded(data + at - want, want, 0) == search->mark->hash) {
      search->found += is_telling(data + at - want, want) ? 1 : 2;
      search->offset = from + at;
    }
  }
}

int edited_file_find_mark(const struct tail_file *file,
                          const struct tail_file_mark *mark,
                          uint64_t *ret_offset) {
  struct mark_search search = {.mark = mark};
  if (mark->bytes == 0 || file->size < mark->bytes) {
    return 0;
  }
  char *data = malloc(SEARCH_CHUNK_BYTES);
  if (data == NULL) {
    return -ENOMEM;
  }
  uint64_t from = file->size > SEARCH_BYTES ? file->size - SEARCH_BYTES : 0;
  size_t back = 0;
  int64_t got;
  while ((got = tail_file_read_at(file->fd, data, SEARCH_CHUNK_BYTES, from)) >
         (int64_t)back) {
    search_lines(&search, data, (size_t)got, back, from);
    if ((size_t)got < SEARCH_CHUNK_BYTES) {
      break;
    }
    back = TAIL_FILE_MARKER_BYTES;
    from += (size_t)got - back;
  }
  free(data);
  *ret_offset = search.offset;
  return got < 0 ? (int)got : search.found == 1;
}

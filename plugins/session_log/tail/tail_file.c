/* SPDX-License-Identifier: MIT */
/* tail_file: one file of a log, whatever its name, and how far it was read.
 *
 * Each read begins a little before the offset and takes in the bytes that the
 * marker covers: so the call that fetches the content also verifies it, and no
 * truncation can slip in between. */
#include "session_log/tail/tail_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/hash_map.h"
#include "core/trusted_path.h"

/* Coarser than the clock of any file system that keeps sub-second times. */
#define SETTLED_NS INT64_C(2500000000)
#define NFS_MAGIC 0x6969
/* How far back the start of an unfinished line is looked for. */
#define LINE_SEARCH_BYTES 65536

static atomic_size_t open_files; /* of all logs: the limit is the process's */

/* ---- a file's life ---- */

struct tail_file *tail_file_new(const char *first_path, const char *path,
                                const struct tail_file_status *status) {
  struct tail_file *file = calloc(1, sizeof(*file));
  if (file == NULL) {
    return NULL;
  }
  file->identity = status->identity;
  file->fd = -1;
  file->watch_number = -1;
  file->size = status->size;
  file->modified_ns = status->modified_ns;
  file->path = strdup(path);
  file->first_path = strdup(first_path);
  if (file->path == NULL || file->first_path == NULL) {
    tail_file_free(file);
    return NULL;
  }
  return file;
}

void tail_file_free(struct tail_file *file) {
  if (file != NULL) {
    tail_file_close(file);
    free(file->path);
    free(file->first_path);
    free(file);
  }
}

int tail_file_set_path(struct tail_file *file, const char *path) {
  if (strcmp(file->path, path) == 0) {
    return 0;
  }
  char *copy = strdup(path);
  if (copy == NULL) {
    return -ENOMEM;
  }
  free(file->path);
  file->path = copy;
  return 0;
}

/* The daemon needs descriptors for more than logs. */
static bool is_descriptor_limit_near(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
         limit.rlim_cur != RLIM_INFINITY &&
         atomic_load(&open_files) >= limit.rlim_cur / 2;
}

int tail_file_open(struct tail_file *file) {
  if (file->fd >= 0) {
    return 0;
  }
  if (is_descriptor_limit_near()) {
    return -EMFILE;
  }
  int fd = trusted_path_open_log(file->path);
  if (fd < 0) {
    return fd == -EINVAL ? -ESTALE : fd; /* no file any more: look again */
  }
  struct tail_file_status status;
  int code = tail_file_stat_fd(fd, &status);
  if (code == 0 && (!status.is_regular ||
                    !tail_file_is_same(&status.identity, &file->identity))) {
    code = -ESTALE;
  }
  if (code != 0) {
    (void)close(fd);
    return code;
  }
  file->fd = fd;
  (void)atomic_fetch_add(&open_files, 1);
  return 0;
}

void tail_file_close(struct tail_file *file) {
  if (file->fd >= 0) {
    (void)atomic_fetch_sub(&open_files, 1);
    (void)close(file->fd);
    file->fd = -1;
  }
}

/* ---- what a file holds ---- */

int64_t tail_file_read_at(int fd, void *data, size_t bytes, uint64_t from) {
  size_t done = 0;
  while (done < bytes) {
    ssize_t got =
        pread(fd, (char *)data + done, bytes - done, (off_t)(from + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return -errno;
    }
    if (got == 0) {
      break;
    }
    done += (size_t)got;
  }
  return (int64_t)done;
}

/* The mark of at most the first TAIL_FILE_HEAD_BYTES of DATA, read at FROM. */
static struct tail_file_mark make_mark(const void *data, size_t bytes,
                                       uint64_t from) {
  bytes = bytes < TAIL_FILE_HEAD_BYTES ? bytes : TAIL_FILE_HEAD_BYTES;
  return (struct tail_file_mark){
      .from = from,
      .bytes = (uint32_t)bytes,
      .hash = hash_map_hash_seeded(data, bytes, 0),
  };
}

/* Returns 1 if the file still holds the same bytes there (or nothing is known),
 * 0 if not, negative errno where it cannot be read. */
static int read_and_compare_mark(const struct tail_file_mark *mark, int fd) {
  char data[TAIL_FILE_HEAD_BYTES];
  if (mark->bytes == 0) {
    return 1;
  }
  int64_t got = tail_file_read_at(fd, data, mark->bytes, mark->from);
  if (got < 0) {
    return (int)got;
  }
  return got == mark->bytes &&
         hash_map_hash_seeded(data, mark->bytes, 0) == mark->hash;
}

/* Returns 1 if both files hold the same bytes from FROM on, 0 if not, negative
 * errno. bytes: at most TAIL_FILE_HEAD_BYTES. */
static int read_and_compare_files(int a, int b, uint64_t from, size_t bytes) {
  char data_a[TAIL_FILE_HEAD_BYTES];
  char data_b[TAIL_FILE_HEAD_BYTES];
  int64_t got_a = tail_file_read_at(a, data_a, bytes, from);
  int64_t got_b = tail_file_read_at(b, data_b, bytes, from);
  if (got_a < 0 || got_b < 0) {
    return (int)(got_a < 0 ? got_a : got_b);
  }
  return got_a == (int64_t)bytes && got_b == got_a &&
         memcmp(data_a, data_b, bytes) == 0;
}

/* Finds the first byte that is not NUL: a writer without O_APPEND leaves a hole
 * in front of its lines after a truncation. *ret_offset: the size where there
 * is none. Returns 0 or negative errno. */
static int seek_first_data(int fd, uint64_t size, uint64_t *ret_offset) {
  char data[16384];
  uint64_t at = 0;
  while (at < size) {
    off_t next = lseek(fd, (off_t)at, SEEK_DATA); /* steps over the holes */
    if (next < 0 && errno == ENXIO) {
      break;
    }
    at = next < 0 ? at : (uint64_t)next;
    int64_t got = tail_file_read_at(fd, data, sizeof(data), at);
    if (got < 0) {
      return (int)got;
    }
    for (int64_t i = 0; i < got; i++) {
      if (data[i] != '\0') {
        *ret_offset = at + (uint64_t)i;
        return 0;
      }
    }
    if (got == 0) {
      break;
    }
    at += (uint64_t)got;
  }
  *ret_offset = size;
  return 0;
}

/* Takes the mark of the file's head, from its first data byte on. */
static int read_head_mark(struct tail_file *file) {
  char data[TAIL_FILE_HEAD_BYTES];
  uint64_t first = 0;
  int code = seek_first_data(file->fd, file->size, &first);
  if (code != 0) {
    return code;
  }
  int64_t got = tail_file_read_at(file->fd, data, sizeof(data), first);
  if (got < 0) {
    return (int)got;
  }
  file->head = make_mark(data, (size_t)got, first);
  return 0;
}

/* Marks the bytes before the offset: KNOWN of them are in memory before END. */
static void mark_offset(struct tail_file *file, const char *end, size_t known) {
  size_t bytes =
      known < TAIL_FILE_MARKER_BYTES ? known : TAIL_FILE_MARKER_BYTES;
  file->marker = make_mark(end - bytes, bytes, file->offset - bytes);
}

int tail_file_seek_end(struct tail_file *file) {
  struct tail_file_status status;
  int code = tail_file_stat_fd(file->fd, &status);
  if (code == 0) {
    code = read_head_mark(file);
  }
  if (code != 0) {
    return code;
  }
  char *data = malloc(LINE_SEARCH_BYTES);
  if (data == NULL) {
    return -ENOMEM;
  }
  uint64_t from =
      status.size > LINE_SEARCH_BYTES ? status.size - LINE_SEARCH_BYTES : 0;
  int64_t got =
      tail_file_read_at(file->fd, data, (size_t)(status.size - from), from);
  if (got >= 0) {
    const char *newline = memrchr(data, '\n', (size_t)got);
    file->is_skipping = newline == NULL && from > 0;
    size_t kept = newline != NULL     ? (size_t)(newline - data) + 1
                  : file->is_skipping ? (size_t)got
                                      : 0;
    file->size = status.size;
    file->offset = from + kept;
    uint64_t head = file->head.from;
    uint64_t known = file->offset > head ? file->offset - head : 0;
    mark_offset(file, data + kept, known < kept ? (size_t)known : kept);
  }
  free(data);
  return got < 0 ? (int)got : 0;
}

int tail_file_resume_at(struct tail_file *file, uint64_t offset) {
  char data[TAIL_FILE_MARKER_BYTES];
  int code = read_head_mark(file);
  uint64_t head = file->head.from;
  uint64_t known = offset > head ? offset - head : 0;
  size_t bytes = known < sizeof(data) ? (size_t)known : sizeof(data);
  int64_t got =
      code == 0 ? tail_file_read_at(file->fd, data, bytes, offset - bytes) : 0;
  if (code == 0 && got == (int64_t)bytes) {
    file->offset = offset;
    file->is_skipping = false;
    mark_offset(file, data + bytes, bytes);
  }
  return code == 0 && got < 0 ? (int)got : code;
}

void tail_file_skip_all(struct tail_file *file) {
  file->offset = file->size;
  file->marker = (struct tail_file_mark){.from = file->offset};
}

static bool is_on_nfs(int fd) {
  struct statfs status;
  return fstatfs(fd, &status) == 0 && status.f_type == NFS_MAGIC;
}

/* Returns 1 if the file no longer holds what was read, 0 if it does, negative
 * errno. */
static int check_content(struct tail_file *file) {
  if (file->size < file->offset) {
    bool is_believed = file->was_short || !is_on_nfs(file->fd);
    file->was_short = true;
    return is_believed ? 1 : -EAGAIN;
  }
  file->was_short = false;
  const struct tail_file_mark *head = &file->head;
  int holds = read_and_compare_mark(&file->marker, file->fd);
  if (holds == 1 && head->from + head->bytes > file->offset) {
    holds = read_and_compare_mark(head, file->fd);
  }
  return holds < 0 ? holds : !holds;
}

int tail_file_check_content(struct tail_file *file, int64_t wall_ns) {
  struct tail_file_status status;
  int code = tail_file_stat_fd(file->fd, &status);
  if (code != 0) {
    return code;
  }
  file->is_quiet = file->is_settled && status.size == file->size &&
                   status.modified_ns == file->modified_ns;
  if (file->offset > 0 && file->size <= file->offset) {
    file->read_ns = file->modified_ns;
    file->read_bytes = file->offset;
  }
  file->size = status.size;
  file->modified_ns = status.modified_ns;
  if (file->is_quiet) {
    return 0;
  }
  code = check_content(file);
  if (code < 0) {
    return code;
  }
  file->is_truncated = code == 1;
  file->is_settled = wall_ns - status.modified_ns > SETTLED_NS;
  return 0;
}

int64_t tail_file_guess_written_ns(const struct tail_file *file,
                                   uint64_t offset) {
  int64_t from_ns = file->read_ns != 0 ? file->read_ns : file->identity.born_ns;
  uint64_t from = file->read_bytes <= offset ? file->read_bytes : 0;
  if (from_ns == 0 || from_ns >= file->modified_ns || file->size <= from) {
    return file->modified_ns;
  }
  double part = (double)(offset - from) / (double)(file->size - from);
  return from_ns + (int64_t)((double)(file->modified_ns - from_ns) *
                             (part < 1 ? part : 1));
}

int tail_file_rewind(struct tail_file *file) {
  uint64_t first = 0;
  int code = seek_first_data(file->fd, file->size, &first);
  if (code != 0) {
    return code;
  }
  if (file->offset > 0) {
    file->former = file->marker;
  }
  file->offset = first == file->size ? 0 : first;
  file->head = (struct tail_file_mark){.from = file->offset};
  file->marker = (struct tail_file_mark){.from = file->offset};
  file->is_skipping = false;
  file->is_truncated = false;
  file->is_settled = false;
  file->was_short = false;
  file->frame = FRAME_AUTO;
  return 0;
}

/* The original is truncated: only the marks of its former content are left. */
static bool compare_with_former_content(const struct tail_file *copy,
                                        const struct tail_file *original) {
  const struct tail_file_mark *head = &original->head;
  if (head->bytes > 0 && (copy->size < head->from + head->bytes ||
                          read_and_compare_mark(head, copy->fd) != 1)) {
    return false;
  }
  if (copy->size >= original->offset) {
    return (head->bytes > 0 || original->marker.bytes > 0) &&
           read_and_compare_mark(&original->marker, copy->fd) == 1;
  }
  return head->bytes > 0;
}

/* Compares the beginning and the end of what the copy has so far. */
static bool compare_with_current_content(const struct tail_file *copy,
                                         const struct tail_file *original) {
  struct tail_file_status now;
  if (copy->size == 0 || tail_file_stat_fd(original->fd, &now) != 0 ||
      copy->size > now.size) {
    return false;
  }
  size_t bytes = copy->size < TAIL_FILE_HEAD_BYTES ? (size_t)copy->size
                                                   : TAIL_FILE_HEAD_BYTES;
  return read_and_compare_files(copy->fd, original->fd, 0, bytes) == 1 &&
         read_and_compare_files(copy->fd, original->fd, copy->size - bytes,
                                bytes) == 1;
}

enum tail_file_relation tail_file_compare_content(const struct tail_file *copy,
                                                  struct tail_file *original) {
  if (original->is_truncated) {
    return compare_with_former_content(copy, original) ? TAIL_FILE_IS_COPY
                                                       : TAIL_FILE_UNRELATED;
  }
  if (compare_with_current_content(copy, original)) {
    return TAIL_FILE_IS_COPY;
  }
  /* Truncated since the last check? Then the answer is not known yet. */
  return original->fd >= 0 && check_content(original) != 0
             ? TAIL_FILE_UNSURE
             : TAIL_FILE_UNRELATED;
}

/* ---- reading ---- */

struct chunk {
  const char *data; /* from the offset on */
  size_t bytes;
  size_t back;  /* known bytes in front of it */
  bool is_last; /* it reaches the end of the file */
};

void tail_file_buffer_fini(struct tail_file_buffer *buffer) {
  free(buffer->data);
  frame_text_fini(&buffer->text);
  *buffer = (struct tail_file_buffer){0};
}

/* Makes the buffer hold BYTES; its content is lost. */
static int grow_buffer(struct tail_file_buffer *buffer, size_t bytes) {
  if (buffer->bytes >= bytes) {
    return 0;
  }
  tail_file_buffer_fini(buffer);
  buffer->data = malloc(bytes);
  if (buffer->data == NULL) {
    return -ENOMEM;
  }
  buffer->bytes = bytes;
  return 0;
}

/* Reads the next chunk and verifies the bytes before it. */
static int read_chunk(struct tail_file *file, struct tail_file_buffer *buffer,
                      struct chunk *ret_chunk) {
  size_t back = file->marker.bytes;
  uint64_t from = file->offset - back;
  int64_t got = tail_file_read_at(file->fd, buffer->data, buffer->bytes, from);
  if (got < 0) {
    return (int)got;
  }
  if (back > 0 &&
      ((size_t)got < back ||
       hash_map_hash_seeded(buffer->data, back, 0) != file->marker.hash)) {
    file->is_settled = false;
    return -EAGAIN;
  }
  if (from == file->head.from && file->head.bytes < TAIL_FILE_HEAD_BYTES) {
    file->head = make_mark(buffer->data, (size_t)got, from);
  }
  *ret_chunk = (struct chunk){
      .data = buffer->data + back,
      .bytes = (size_t)got - back,
      .back = back,
      .is_last = (size_t)got < buffer->bytes,
  };
  return 0;
}

/* Moves the offset over BYTES of the chunk. */
static void advance_offset(struct tail_file *file, const struct chunk *chunk,
                           size_t bytes) {
  file->offset += bytes;
  mark_offset(file, chunk->data + bytes, chunk->back + bytes);
}

/* Passes over the rest of an over-long line. Returns its bytes. */
static size_t skip_line_rest(struct tail_file *file,
                             const struct chunk *chunk) {
  const char *newline = memchr(chunk->data, '\n', chunk->bytes);
  file->is_skipping = newline == NULL;
  return newline == NULL ? chunk->bytes : (size_t)(newline - chunk->data) + 1;
}

/* Returns how many bytes of the chunk are whole lines. */
static size_t measure_lines(struct tail_file *file, const struct chunk *chunk,
                            const struct tail_file_limits *limits,
                            struct tail_file_counts *counts) {
  const char *newline = memrchr(chunk->data, '\n', chunk->bytes);
  if (newline != NULL) {
    return (size_t)(newline - chunk->data) + 1;
  }
  if (chunk->bytes >= (size_t)limits->max_line_bytes) {
    counts->long_lines++;
    file->is_skipping = true;
    return (size_t)limits->max_line_bytes;
  }
  return chunk->is_last && file->is_final ? chunk->bytes : 0;
}

/* Hands the BYTES of whole lines over, without their frames. Returns 0 and
 * *ret_taken: what is behind the last finished line of a frame waits. */
static int hand_over_lines(struct tail_file *file, struct frame_text *text,
                           const struct chunk *chunk, size_t bytes,
                           const struct tail_file_limits *limits,
                           const struct tail_file_sink *sink,
                           size_t *ret_taken) {
  if (limits->format != FRAME_AUTO || file->frame == FRAME_AUTO) {
    file->frame = limits->format != FRAME_AUTO
                      ? (enum frame_format)limits->format
                      : frame_detect(chunk->data, bytes);
  }
  *ret_taken = bytes;
  if (frame_is_decoded(file->frame, chunk->data, bytes)) {
    sink->lines(sink->context, file, chunk->data, bytes);
    return 0;
  }
  bool is_flushed = chunk->bytes >= (size_t)limits->max_line_bytes ||
                    (chunk->is_last && file->is_final);
  int code = frame_decode(file->frame, chunk->data, bytes, is_flushed, text,
                          ret_taken);
  if (code == 0 && text->bytes > 0) {
    file->text = text;
    sink->lines(sink->context, file, text->data, text->bytes);
    file->text = NULL;
  }
  return code;
}

/* As much as the file held at the last check and a little more: most reads are
 * of a few lines, and memory that the kernel has to clear costs more than they
 * do. */
static size_t choose_buffer_bytes(const struct tail_file *file) {
  uint64_t wanted = file->marker.bytes + TAIL_FILE_CHUNK_BYTES_MIN;
  if (file->size > file->offset) {
    wanted += file->size - file->offset;
  }
  return wanted < TAIL_FILE_CHUNK_BYTES ? (size_t)wanted
                                        : TAIL_FILE_CHUNK_BYTES;
}

int tail_file_read(struct tail_file *file, struct tail_file_buffer *buffer,
                   const struct tail_file_limits *limits,
                   const struct tail_file_sink *sink,
                   struct tail_file_counts *counts) {
  uint64_t end = file->offset + (uint64_t)limits->max_bytes;
  int code = grow_buffer(buffer, choose_buffer_bytes(file));
  file->was_drained = file->is_drained;
  file->is_drained = false;
  while (code == 0 && file->offset < end) {
    struct chunk chunk = {0};
    code = read_chunk(file, buffer, &chunk);
    if (code != 0 || chunk.bytes == 0) {
      file->is_drained = code == 0;
      break;
    }
    size_t taken;
    if (file->is_skipping) {
      taken = skip_line_rest(file, &chunk);
    } else {
      taken = measure_lines(file, &chunk, limits, counts);
      if (taken > 0) {
        code = hand_over_lines(file, &buffer->text, &chunk, taken, limits, sink,
                               &taken);
      }
    }
    if (code != 0) {
      break;
    }
    if (taken == 0 && chunk.is_last) {
      file->is_drained = true; /* an unfinished line: it waits */
      break;
    }
    if (taken == 0) {
      size_t most = (size_t)limits->max_line_bytes + TAIL_FILE_MARKER_BYTES + 1;
      code = grow_buffer(buffer,
                         buffer->bytes * 2 < most ? buffer->bytes * 2 : most);
      continue;
    }
    counts->bytes += taken;
    advance_offset(file, &chunk, taken);
    if (chunk.is_last && taken == chunk.bytes) {
      file->is_drained = true;
      break;
    }
  }
  return code;
}

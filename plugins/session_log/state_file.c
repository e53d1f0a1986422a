/* SPDX-License-Identifier: MIT */
/* state_file: everything that is kept over a restart, in one file a log.
 *
 * A file is a text that names its format, a version, numbers and texts, and a
 * checksum. Numbers are written seven bits a byte, low bits first, the same on
 * every machine: most are small. */
#include "session_log/state_file.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file_util.h"
#include "core/hash_map.h"

/* The largest table and thousands of paths stay far below. */
#define FILE_BYTES_MAX ((size_t)INT32_MAX)
#define DIRECTORY_MODE 0750
#define FILE_MODE 0640

#define FORMAT_NAME "session_log state"
#define FORMAT_VERSION 2
#define CHECKSUM_BYTES sizeof(uint64_t)

#define NUMBER_BYTES_MAX 10
/* Sums and differences of two signed numbers fit, whatever a file holds. */
#define SIGNED_END (UINT64_C(1) << 62)

static bool reserve_bytes(struct state_file_writer *writer, size_t more) {
  if (writer->is_failed) {
    return false;
  }
  if (writer->max - writer->bytes >= more) {
    return true;
  }
  size_t max = writer->max * 2 + more + 256;
  char *data = realloc(writer->data, max);
  if (data == NULL) {
    writer->is_failed = true;
    return false;
  }
  writer->data = data;
  writer->max = max;
  return true;
}

void state_file_put_number(struct state_file_writer *writer, uint64_t number) {
  if (!reserve_bytes(writer, NUMBER_BYTES_MAX)) {
    return;
  }
  for (; number >= 0x80; number >>= 7) {
    writer->data[writer->bytes++] = (char)(unsigned char)(number | 0x80);
  }
  writer->data[writer->bytes++] = (char)number;
}

/* 0, -1, 1, -2 become 0, 1, 2, 3. */
void state_file_put_signed(struct state_file_writer *writer, int64_t number) {
  uint64_t bits = (uint64_t)number << 1;
  state_file_put_number(writer, number < 0 ? ~bits : bits);
}

void state_file_put_raw(struct state_file_writer *writer, const void *data,
                        size_t bytes) {
  if (reserve_bytes(writer, bytes)) {
    memcpy(writer->data + writer->bytes, data, bytes);
    writer->bytes += bytes;
  }
}

void state_file_put_text(struct state_file_writer *writer, const char *text,
                         size_t bytes) {
  state_file_put_number(writer, bytes);
  state_file_put_raw(writer, text, bytes);
}

void state_file_writer_fini(struct state_file_writer *writer) {
  free(writer->data);
  *writer = (struct state_file_writer){0};
}

uint64_t state_file_get_number(struct state_file_reader *reader) {
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

int64_t state_file_get_signed(struct state_file_reader *reader) {
  uint64_t bits = state_file_get_number(reader);
  uint64_t half = bits >> 1;
  if (half >= SIGNED_END) {
    reader->is_failed = true;
    reader->at = reader->end;
    return 0;
  }
  return (bits & 1) != 0 ? -(int64_t)half - 1 : (int64_t)half;
}

uint64_t state_file_get_up_to(struct state_file_reader *reader, uint64_t max) {
  uint64_t number = state_file_get_number(reader);
  if (number > max) {
    reader->is_failed = true;
    reader->at = reader->end;
    return 0;
  }
  return number;
}

bool state_file_get_flag(struct state_file_reader *reader) {
  return state_file_get_up_to(reader, 1) == 1;
}

size_t state_file_get_text(struct state_file_reader *reader, size_t max_bytes,
                           const char **ret_text) {
  size_t bytes = (size_t)state_file_get_up_to(reader, max_bytes);
  if (bytes > (size_t)(reader->end - reader->at)) {
    reader->is_failed = true;
    reader->at = reader->end;
    bytes = 0;
  }
  *ret_text = reader->at;
  reader->at += bytes;
  return bytes;
}

void state_file_get_path(struct state_file_reader *reader,
                         char path[PATH_MAX]) {
  const char *text = NULL;
  size_t bytes = state_file_get_text(reader, PATH_MAX - 1, &text);
  memcpy(path, text, bytes);
  path[bytes] = '\0';
}

/* ---- the file ---- */

void state_file_begin(struct state_file_writer *writer) {
  state_file_put_text(writer, FORMAT_NAME, sizeof(FORMAT_NAME) - 1);
  state_file_put_number(writer, FORMAT_VERSION);
}

void state_file_end(struct state_file_writer *writer) {
  uint64_t sum = htole64(
      hash_map_hash_seeded(writer->data, writer->bytes, FORMAT_VERSION));
  state_file_put_raw(writer, &sum, sizeof(sum));
}

int state_file_open(struct state_file_reader *reader, const char *data,
                    size_t bytes) {
  uint64_t sum;
  if (bytes < CHECKSUM_BYTES) {
    return -EINVAL;
  }
  bytes -= CHECKSUM_BYTES;
  memcpy(&sum, data + bytes, CHECKSUM_BYTES);
  *reader = (struct state_file_reader){.at = data, .end = data + bytes};
  const char *name = NULL;
  size_t name_bytes = state_file_get_text(reader, sizeof(FORMAT_NAME), &name);
  bool is_ours =
      name_bytes == sizeof(FORMAT_NAME) - 1 &&
      memcmp(name, FORMAT_NAME, name_bytes) == 0 &&
      state_file_get_number(reader) == FORMAT_VERSION &&
      hash_map_hash_seeded(data, bytes, FORMAT_VERSION) == le64toh(sum);
  return is_ours && !reader->is_failed ? 0 : -EINVAL;
}

bool state_file_is_read_whole(const struct state_file_reader *reader) {
  return !reader->is_failed && reader->at == reader->end;
}

static int build_path(const struct state_file *file, char path[PATH_MAX]) {
  int bytes =
      snprintf(path, PATH_MAX, "%s/%s.state", file->directory, file->name);
  return bytes > 0 && bytes < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int state_file_read(const struct state_file *file, char **ret_data,
                    size_t *ret_bytes) {
  char path[PATH_MAX];
  struct error error = {{0}};
  file_sweep_leftovers(file->directory, 0);
  int code = build_path(file, path);
  if (code != 0) {
    (void)error_set(&error, code, "StateDir: %s", strerror(-code));
  } else {
    code = file_read(path, FILE_BYTES_MAX, ret_data, ret_bytes, &error);
  }
  if (code != 0 && code != -ENOENT && code != -ENOTDIR) {
    log_write(file->log, LOG_LEVEL_WARNING,
              "log \"%s\": %s; the log is followed as for the first time",
              file->name, error.text);
  }
  return code;
}

void state_file_set_aside(const struct state_file *file) {
  char path[PATH_MAX];
  struct error error = {{0}};
  int code = build_path(file, path);
  code = code == 0 ? file_set_aside(path, &error) : code;
  log_write(file->log, LOG_LEVEL_WARNING,
            "log \"%s\": %s/%s.state: is not valid; %s; the log is followed as "
            "for the first time",
            file->name, file->directory, file->name,
            code == 0 ? "moved to .bad" : error.text);
}

static int replace_file(const struct state_file *file,
                        const struct state_file_writer *writer,
                        struct error *error) {
  char path[PATH_MAX];
  if (writer->is_failed || build_path(file, path) != 0) {
    return error_set(error, -ENOMEM, "out of memory for its state");
  }
  int code =
      file_replace(path, writer->data, writer->bytes, FILE_MODE, true, error);
  if (code == -ENOENT &&
      file_make_directory(file->directory, DIRECTORY_MODE) == 0) {
    code =
        file_replace(path, writer->data, writer->bytes, FILE_MODE, true, error);
  }
  return code;
}

void state_file_write(struct state_file *file,
                      const struct state_file_writer *writer, int64_t mono_ms) {
  struct error error = {{0}};
  uint64_t hash = writer->is_failed
                      ? 0
                      : hash_map_hash_seeded(writer->data, writer->bytes, 0);
  if (hash != 0 && hash == file->written_hash) {
    return;
  }
  int code = replace_file(file, writer, &error);
  file->written_hash = code == 0 ? hash : 0;
  if (code != 0) {
    if (complaint_fail(&file->unsaved, mono_ms)) {
      log_write(file->log, LOG_LEVEL_WARNING,
                "log \"%s\": %s; a restart will lose its place", file->name,
                error.text);
    }
  } else if (complaint_clear(&file->unsaved, mono_ms, NULL)) {
    log_write(file->log, LOG_LEVEL_NOTICE,
              "log \"%s\": its state is saved again", file->name);
  }
}

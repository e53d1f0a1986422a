/* SPDX-License-Identifier: MIT */
/* state_file: everything that is kept over a restart, in one file a log.
 *
 * A file is a text that names its format, numbers and texts, and a checksum.
 * Numbers are written seven bits a byte, low bits first, the same on every
 * machine: most are small. */
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

/* Longer than a write takes. */
#define LEFTOVER_AGE_S 60
#define RETRY_READ_MS 60000

#define FORMAT_NAME "session_log state 2" /* with its version */

#define NUMBER_BYTES_MAX 10
/* Sums and differences of two signed numbers fit, whatever a file holds. */
#define SIGNED_BITS_MAX ((UINT64_C(1) << 63) - 1)

/* What follows an invalid part of a record is zero and empty. */
static void fail_record(struct state_file_record *record) {
  record->is_failed = true;
  record->at = record->bytes;
}

void state_file_record_fini(struct state_file_record *record) {
  free(record->data);
  *record = (struct state_file_record){0};
}

/* ---- saving ---- */

/* Returns false once memory is short. */
static bool reserve_bytes(struct state_file_record *record, size_t more) {
  if (record->is_failed || record->max - record->bytes >= more) {
    return !record->is_failed;
  }
  size_t max = record->max * 2 + more + 256;
  char *data = realloc(record->data, max);
  if (data == NULL) {
    record->is_failed = true;
    return false;
  }
  record->data = data;
  record->max = max;
  return true;
}

/* The low bits come first; the high bit of a byte marks that another one
 * follows. */
static void encode_number(struct state_file_record *record, uint64_t number) {
  if (!reserve_bytes(record, NUMBER_BYTES_MAX)) {
    return;
  }
  for (; number >= 0x80; number >>= 7) {
    record->data[record->bytes++] = (char)(unsigned char)(number | 0x80);
  }
  record->data[record->bytes++] = (char)number;
}

void state_file_put_bytes(struct state_file_record *record, const void *data,
                          size_t bytes) {
  if (reserve_bytes(record, bytes)) {
    memcpy(record->data + record->bytes, data, bytes);
    record->bytes += bytes;
  }
}

void state_file_begin_record(struct state_file_record *record) {
  state_file_put_bytes(record, FORMAT_NAME, sizeof(FORMAT_NAME));
}

void state_file_end_record(struct state_file_record *record) {
  uint64_t sum = htole64(hash_map_hash_seeded(record->data, record->bytes, 0));
  state_file_put_bytes(record, &sum, sizeof(sum));
}

/* ---- loading ---- */

int state_file_begin_loading(struct state_file_record *record) {
  uint64_t sum;
  if (record->bytes < sizeof(FORMAT_NAME) + sizeof(sum)) {
    return -EINVAL;
  }
  record->bytes -= sizeof(sum);
  memcpy(&sum, record->data + record->bytes, sizeof(sum));
  record->is_loading = true;
  record->at = sizeof(FORMAT_NAME);
  bool is_valid =
      memcmp(record->data, FORMAT_NAME, sizeof(FORMAT_NAME)) == 0 &&
      hash_map_hash_seeded(record->data, record->bytes, 0) == le64toh(sum);
  return is_valid ? 0 : -EINVAL;
}

bool state_file_is_loaded_whole(const struct state_file_record *record) {
  return !record->is_failed && record->at == record->bytes;
}

/* Fails for a number above MAX and for one that does not end within the
 * record. */
static uint64_t decode_number(struct state_file_record *record, uint64_t max) {
  uint64_t number = 0;
  bool is_valid = false;
  for (unsigned shift = 0; shift < 64 && record->at < record->bytes;
       shift += 7) {
    unsigned char byte = (unsigned char)record->data[record->at++];
    if (shift == 63 && byte > 1) { /* more than 64 bits */
      break;
    }
    number |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      is_valid = number <= max;
      break;
    }
  }
  if (is_valid) {
    return number;
  }
  fail_record(record);
  return 0;
}

/* ---- both ---- */

/* Saves NUMBER and returns it, or returns what was loaded. */
static uint64_t transfer_number(struct state_file_record *record,
                                uint64_t number, uint64_t max) {
  if (record->is_loading) {
    return decode_number(record, max);
  }
  encode_number(record, number);
  return number;
}

void state_file_transfer_number(struct state_file_record *record,
                                uint64_t *number) {
  *number = transfer_number(record, *number, UINT64_MAX);
}

/* 0, -1, 1, -2 are saved as 0, 1, 2, 3. */
void state_file_transfer_signed(struct state_file_record *record,
                                int64_t *number) {
  uint64_t twice = (uint64_t)*number << 1;
  uint64_t bits =
      transfer_number(record, *number < 0 ? ~twice : twice, SIGNED_BITS_MAX);
  int64_t half = (int64_t)(bits >> 1);
  *number = (bits & 1) != 0 ? -half - 1 : half;
}

void state_file_transfer_size(struct state_file_record *record, size_t *number,
                              size_t max) {
  *number = (size_t)transfer_number(record, *number, max);
}

void state_file_transfer_count(struct state_file_record *record,
                               uint32_t *number) {
  *number = (uint32_t)transfer_number(record, *number, INT32_MAX);
}

void state_file_transfer_flag(struct state_file_record *record, bool *flag) {
  *flag = transfer_number(record, *flag, 1) == 1;
}

void state_file_transfer_text(struct state_file_record *record, char *text,
                              size_t text_max) {
  size_t bytes = record->is_loading ? 0 : strlen(text);
  state_file_transfer_size(record, &bytes, text_max - 1);
  if (!record->is_loading) {
    state_file_put_bytes(record, text, bytes);
    return;
  }
  if (bytes > record->bytes - record->at) {
    fail_record(record);
    bytes = 0;
  }
  memcpy(text, record->data + record->at, bytes);
  text[bytes] = '\0';
  record->at += bytes;
}

/* ---- the file ---- */

static int build_path(const struct state_file *file, char path[PATH_MAX]) {
  int bytes =
      snprintf(path, PATH_MAX, "%s/%s.state", file->directory, file->name);
  return bytes > 0 && bytes < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* A disk that fails for a moment, or a process without descriptors, must not
 * cost the state. */
static int handle_read_error(struct state_file *file, int code, int64_t mono_ms,
                             const struct error *error) {
  bool may_pass = code != -EINVAL && code != -EFBIG && code != -ENOMEM;
  bool is_first = file->unread_ms == 0;
  file->unread_ms = is_first ? mono_ms : file->unread_ms;
  file->is_unread = !may_pass || mono_ms - file->unread_ms >= RETRY_READ_MS;
  if (is_first || file->is_unread) {
    log_write(file->log, LOG_LEVEL_WARNING, "log \"%s\": %s; %s", file->name,
              error->text,
              file->is_unread
                  ? "saved state ignored, reading starts as StartAt sets"
                  : "reading begins once this succeeds, or in a minute");
  }
  return file->is_unread ? code : -EAGAIN;
}

int state_file_sweep_and_read(struct state_file *file, int64_t mono_ms,
                              struct state_file_record *record) {
  char path[PATH_MAX];
  struct error error = {{0}};
  file_sweep_leftovers(file->directory, LEFTOVER_AGE_S);
  int code = build_path(file, path);
  if (code != 0) {
    return handle_read_error(
        file, -EINVAL, mono_ms,
        (error_set(&error, code, "StateDir: %s", strerror(-code)), &error));
  }
  code = file_read(path, FILE_BYTES_MAX, &record->data, &record->bytes, &error);
  return code == 0 || code == -ENOENT || code == -ENOTDIR
             ? code
             : handle_read_error(file, code, mono_ms, &error);
}

void state_file_set_aside(const struct state_file *file) {
  char path[PATH_MAX];
  struct error error = {{0}};
  int code = build_path(file, path);
  code = code == 0 ? file_set_aside(path, &error) : code;
  log_write(file->log, LOG_LEVEL_WARNING,
            "log \"%s\": %s/%s.state: is not valid; %s; reading starts as "
            "StartAt sets",
            file->name, file->directory, file->name,
            code == 0 ? "moved to .bad" : error.text);
}

/* The directory is made only when it is missing. */
static int replace_file(struct state_file *file,
                        const struct state_file_record *record,
                        struct error *error) {
  char path[PATH_MAX];
  if (record->is_failed || build_path(file, path) != 0) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  if (file->is_unread) { /* it may be needed */
    int code = file_set_aside(path, error);
    if (code != 0 && code != -ENOENT) {
      return code;
    }
    file->is_unread = false;
  }
  int code =
      file_replace(path, record->data, record->bytes, FILE_MODE, true, error);
  if (code == -ENOENT &&
      file_make_directory(file->directory, DIRECTORY_MODE) == 0) {
    code =
        file_replace(path, record->data, record->bytes, FILE_MODE, true, error);
  }
  return code;
}

void state_file_write_if_changed(struct state_file *file,
                                 const struct state_file_record *record,
                                 int64_t mono_ms) {
  struct error error = {{0}};
  uint64_t hash = record->is_failed
                      ? 0
                      : hash_map_hash_seeded(record->data, record->bytes, 0);
  if (hash != 0 && hash == file->written_hash) {
    return;
  }
  int code = replace_file(file, record, &error);
  file->written_hash = code == 0 ? hash : 0;
  if (code != 0) {
    if (log_complaint_fail(&file->unsaved, mono_ms)) {
      log_write(file->log, LOG_LEVEL_WARNING,
                "log \"%s\": state not saved: %s; a restart may lose lines or "
                "count them twice",
                file->name, error.text);
    }
  } else if (log_complaint_clear(&file->unsaved, mono_ms, NULL)) {
    log_write(file->log, LOG_LEVEL_NOTICE,
              "log \"%s\": its state is saved again", file->name);
  }
}

/* SPDX-License-Identifier: MIT */
/* fuzz_record: any bytes as what a replay reads: behind 'w' a file of
 * Graphite's whisper, behind 'j' an answer of its render API, else a file of
 * collectd's csv plugin, with a types.db before a 0x1e. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/check/types_db.h"
#include "ctl/simulate/csv_recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[64] = "/dev/shm/fuzz_record.XXXXXX";
static const char *const directories[] = {"", "/record", "/record/h",
                                          "/record/h/p"};
static const char *const files[] = {"/record/h/p/load-2025-10-01",
                                    "/record/h/p/gauge.wsp", "/types.db",
                                    "/render.json"};
enum { CSV, WHISPER, TYPES, RENDER, FILES };

static const char *path_of(const char *name) {
  static char path[256];
  (void)snprintf(path, sizeof(path), "%s%s", root, name);
  return path;
}

static void remove_root(void) {
  for (size_t i = 0; i < FILES; i++) {
    (void)unlink(path_of(files[i]));
  }
  for (size_t i = sizeof(directories) / sizeof(directories[0]); i > 0; i--) {
    (void)rmdir(path_of(directories[i - 1]));
  }
}

static void make_root(void) {
  if (mkdtemp(root) == NULL) {
    abort();
  }
  for (size_t i = 1; i < sizeof(directories) / sizeof(directories[0]); i++) {
    (void)mkdir(path_of(directories[i]), 0700);
  }
  (void)atexit(remove_root);
}

static void write_file(size_t which, const uint8_t *data, size_t size) {
  int fd = open(path_of(files[which]), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                0600);
  if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
    abort();
  }
  (void)close(fd);
}

/* All of it, in the order of time. */
static void read_record(const char *path, const struct types_db *types) {
  const struct record_place place = {
      .path = path, .types = types, .prefix = "collectd."};
  struct record *record = NULL;
  struct record_reading next;
  struct error error = {{0}};
  int64_t before_ms = INT64_MIN;
  if (record_open(&place, &record, &error) != 0) {
    return;
  }
  while (record_next(record, &next)) {
    if (next.at_ms < before_ms || next.reading.interval_ns <= 0 ||
        next.reading.values_len > RECORD_VALUES_MAX) {
      abort();
    }
    before_ms = next.at_ms;
  }
  record_close(record);
}

static void read_csv(const uint8_t *data, size_t size) {
  struct types_db types = {0};
  struct error error = {{0}};
  const uint8_t *end = data + size;
  const uint8_t *cut = memchr(data, 0x1e, size);
  if (cut != NULL) {
    write_file(TYPES, data, (size_t)(cut - data));
    (void)types_db_read(&types, path_of(files[TYPES]), &error);
    data = cut + 1;
  }
  write_file(CSV, data, (size_t)(end - data));
  read_record(path_of("/record"), &types);
  types_db_fini(&types);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static bool is_made;
  if (!is_made) {
    make_root();
    is_made = true;
  }
  if (size == 0) {
    return 0;
  }
  const uint8_t *rest = data + 1;
  size_t rest_size = size - 1;
  if (data[0] == 'j') {
    write_file(RENDER, rest, rest_size);
    read_record(path_of(files[RENDER]), NULL);
  } else if (data[0] == 'w') {
    (void)unlink(path_of(files[CSV]));
    write_file(WHISPER, rest, rest_size);
    read_record(path_of("/record"), NULL);
  } else {
    (void)unlink(path_of(files[WHISPER]));
    read_csv(rest, rest_size);
  }
  return 0;
}

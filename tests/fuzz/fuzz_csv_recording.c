/* SPDX-License-Identifier: MIT */
/* fuzz_csv_recording: any bytes as a file of collectd's csv plugin, after a
 * types.db that ends in 0x1e. */
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

static char root[64] = "/dev/shm/fuzz_csv.XXXXXX";
static const char *const directories[] = {"", "/csv", "/csv/h", "/csv/h/p"};
static const char *const files[] = {"/csv/h/p/load-2025-10-01", "/types.db"};
enum { CSV, TYPES, FILES };

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

/* Reads all of it, which must come in the order of time. */
static void read_recording(const char *path, const struct types_db *types) {
  struct csv_recording *recording = NULL;
  struct reading next;
  struct error error = {{0}};
  int64_t before_ms = INT64_MIN;
  if (csv_recording_open(path, types, &recording, &error) != 0) {
    return;
  }
  while (csv_recording_read_next(recording, &next)) {
    if (next.time_ns / 1000000 < before_ms || next.interval_ns <= 0 ||
        next.values_len > CSV_RECORDING_VALUES_MAX) {
      abort();
    }
    before_ms = next.time_ns / 1000000;
  }
  csv_recording_close(recording);
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
  read_recording(path_of("/csv"), &types);
  types_db_fini(&types);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static bool is_made;
  if (!is_made) {
    make_root();
    is_made = true;
  }
  read_csv(data, size);
  return 0;
}

/* SPDX-License-Identifier: MIT */
/* tail_fixture: a tail over files in a directory of its own, for its tests. */
#pragma once

#include "unit.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "directory_fixture.h"
#include "session_log/tail/tail.h"

#define START_NS (INT64_C(1700000000) * 1000000000)
#define TAKEN_BYTES 65536

static char taken[TAKEN_BYTES];
static size_t taken_bytes;
static char logged[4096];
static struct tail_file_buffer buffer;
static int64_t clock_ms;
static uint64_t max_bytes = 1 << 20; /* that a poll reads of a file */

static void collect_log_line(void *context, enum log_level level,
                             const char *line) {
  (void)context;
  (void)level;
  size_t bytes = strlen(logged);
  (void)snprintf(logged + bytes, sizeof(logged) - bytes, "%s\n", line);
}

static const struct log_sink test_log = {collect_log_line, NULL};

static void take(void *context, const struct tail_file *file, const char *data,
                 size_t bytes) {
  (void)context;
  (void)file;
  assert_true(taken_bytes + bytes < TAKEN_BYTES);
  memcpy(taken + taken_bytes, data, bytes);
  taken_bytes += bytes;
  taken[taken_bytes] = '\0';
}

static struct tail *follow(const char *name, bool starts_at_end) {
  static char pattern[128];
  static char name_of_log[] = "unit";
  static char *patterns[] = {pattern};
  static struct log_options options;
  (void)snprintf(pattern, sizeof(pattern), "%s", path_of(name));
  options = (struct log_options){
      .head = {.label = name_of_log},
      .files = {patterns, 1},
      .start_at = starts_at_end ? LOG_START_END : LOG_START_BEGINNING,
      .read = {.max_line_bytes = 2048, .max_bytes = (int64_t)max_bytes},
  };
  struct tail *tail = NULL;
  assert_int_equal(tail_new(&options, &test_log, &tail), 0);
  return tail;
}

/* Polls; returns what was taken by this poll. */
static inline const char *poll_once(struct tail *tail) {
  const struct tail_file_sink sink = {take, NULL};
  const struct tail_time now = {clock_ms, START_NS + clock_ms * 1000000};
  clock_ms += 10000;
  taken_bytes = 0;
  taken[0] = '\0';
  assert_int_equal(tail_poll(tail, &now, &buffer, &sink), 0);
  return taken;
}

static inline int set_up(void **state) {
  (void)state;
  (void)snprintf(directory, sizeof(directory), "/tmp/tail.XXXXXX");
  logged[0] = '\0';
  clock_ms = 1000;
  return mkdtemp(directory) == NULL;
}

static inline int tear_down(void **state) {
  (void)state;
  tail_file_buffer_fini(&buffer);
  DIR *scan = opendir(directory);
  if (scan == NULL) {
    return -1;
  }
  for (struct dirent *entry; (entry = readdir(scan)) != NULL;) {
    (void)unlinkat(dirfd(scan), entry->d_name, 0); /* all but . and .. */
  }
  (void)closedir(scan);
  return rmdir(directory);
}

#define TEST(function)                                                         \
  cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* SPDX-License-Identifier: MIT */
/* response_state_file: what is kept is in the file at once, whatever the disk
 * does. The test is the disk: it has its own fdatasync and rename. */
#include "unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file_util.h"
#include "resource_alert/responses/desired_lines.h"
#include "resource_alert/responses/response_state_file.h"

#define HOLD_MS 20000

/* ---- the disk ---- */

enum call { NONE, SYNC, RENAME };

static _Atomic int held;     /* the call that hangs */
static _Atomic int hanging;  /* the one that does */
static _Atomic int failures; /* calls that will fail yet */

static int pass(enum call call) {
  int64_t deadline_ms = clock_monotonic_ms() + HOLD_MS;
  while (atomic_load(&held) == (int)call) {
    atomic_store(&hanging, (int)call);
    assert_true(clock_monotonic_ms() < deadline_ms);
    (void)poll(NULL, 0, 1);
  }
  atomic_store(&hanging, NONE);
  if (atomic_load(&failures) > 0) {
    atomic_fetch_sub(&failures, 1);
    errno = ENOSPC;
    return -1;
  }
  return 0;
}

int fdatasync(int fd) {
  (void)fd;
  return pass(SYNC);
}

int rename(const char *from, const char *to) {
  union {
    void *symbol;
    int (*call)(const char *from, const char *to);
  } next = {.symbol = dlsym(RTLD_NEXT, "rename")};
  return pass(RENAME) == 0 ? next.call(from, to) : -1;
}

/* ---- the bed ---- */

struct bed {
  char directory[64];
  char path[128];
  struct response_state_file *states;
  _Atomic int errors;
  _Atomic int notifications;
};

static void count(void *context, enum log_level level, const char *line) {
  struct bed *bed = context;
  (void)line;
  atomic_fetch_add(
      level == LOG_LEVEL_ERROR ? &bed->errors : &bed->notifications, 1);
}

static int begin(void **state) {
  static struct bed bed;
  static struct log_sink log = {.write = count, .context = &bed};
  bed = (struct bed){.directory = "/tmp/kept.XXXXXX"};
  *state = &bed;
  if (mkdtemp(bed.directory) == NULL) {
    return -1;
  }
  (void)snprintf(bed.path, sizeof(bed.path), "%s/states", bed.directory);
  return response_state_file_open(bed.path, &log, &bed.states, NULL);
}

static int end(void **state) {
  struct bed *bed = *state;
  atomic_store(&held, NONE);
  response_state_file_close(bed->states);
  (void)unlink(bed->path);
  return rmdir(bed->directory); /* nothing else is left there */
}

static void put(struct bed *bed, int number) {
  response_state_file_put(bed->states, number % 2 == 0 ? "even" : "odd",
                          json_pack("{s:i}", "number", number));
}

/* What a daemon that is started now would go on from. */
static int kept_number(const struct bed *bed, const char *response) {
  char *text = NULL;
  size_t bytes = 0;
  json_t *entries = json_object();
  assert_int_equal(file_read(bed->path, 1 << 26, &text, &bytes, NULL), 0);
  assert_int_equal(desired_lines_take(entries, text), 0);
  free(text);
  const json_t *entry = json_object_get(entries, response);
  int number = (int)json_integer_value(json_object_get(entry, "number"));
  json_decref(entries);
  return number;
}

static void put_and_find(struct bed *bed, int number) {
  put(bed, number);
  assert_int_equal(kept_number(bed, number % 2 == 0 ? "even" : "odd"), number);
}

static void expect_small(const struct bed *bed) {
  struct stat status;
  int64_t deadline_ms = clock_monotonic_ms() + HOLD_MS;
  /* If the rewrite began before the last put, the new file has the rest. */
  while (stat(bed->path, &status) != 0 || status.st_size >= 1 << 20) {
    assert_true(clock_monotonic_ms() < deadline_ms);
    (void)poll(NULL, 0, 1);
  }
}

static void expect_count(_Atomic int *counter, int count) {
  int64_t deadline_ms = clock_monotonic_ms() + HOLD_MS;
  while (atomic_load(counter) != count) {
    assert_true(clock_monotonic_ms() < deadline_ms);
    (void)poll(NULL, 0, 1);
  }
}

/* ---- tests ---- */

static void what_is_put_is_in_the_file_at_once(void **state) {
  struct bed *bed = *state;
  put_and_find(bed, 2);
  put_and_find(bed, 3);
  put_and_find(bed, 4);
  assert_int_equal(kept_number(bed, "odd"), 3);
}

static void a_disk_that_hangs_holds_up_no_put(void **state) {
  struct bed *bed = *state;
  atomic_store(&held, SYNC);
  put_and_find(bed, 1);
  expect_count(&hanging, SYNC);
  put_and_find(bed, 2);
}

static void a_disk_that_hangs_is_left_at_the_end(void **state) {
  struct bed *bed = *state;
  atomic_store(&held, SYNC);
  put(bed, 1);
  expect_count(&hanging, SYNC);
  int64_t begun_ms = clock_monotonic_ms();
  response_state_file_close(bed->states);
  assert_in_range(clock_monotonic_ms() - begun_ms, 0, HOLD_MS / 2);
  assert_int_equal(atomic_load(&bed->notifications), 1);
  assert_int_equal(kept_number(bed, "odd"), 1);
  atomic_store(&held, NONE); /* lets the thread go */
  bed->states = NULL;
  expect_count(&hanging, NONE);
}

static void a_rewrite_holds_up_no_put_and_loses_none(void **state) {
  struct bed *bed = *state;
  atomic_store(&held, SYNC);
  for (int i = 0; i < 40000; i++) { /* enough to be written anew */
    put(bed, i);
  }
  expect_count(&hanging, SYNC); /* of the one file or of the other */
  put_and_find(bed, 40001);
  atomic_store(&held, RENAME);
  expect_count(&hanging, RENAME);
  put_and_find(bed, 40002);
  put_and_find(bed, 40003);
  atomic_store(&held, NONE);
  expect_small(bed);
  assert_int_equal(kept_number(bed, "even"), 40002);
  assert_int_equal(kept_number(bed, "odd"), 40003);
  put_and_find(bed, 40004);
}

static void a_disk_that_fails_is_said_once_and_tried_again(void **state) {
  struct bed *bed = *state;
  atomic_store(&failures, 3);
  put_and_find(bed, 1);
  expect_count(&bed->errors, 1);
  put_and_find(bed, 2);
  expect_count(&bed->notifications, 1);
  assert_int_equal(atomic_load(&bed->errors), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_is_put_is_in_the_file_at_once),
      TEST(a_disk_that_hangs_holds_up_no_put),
      TEST(a_disk_that_hangs_is_left_at_the_end),
      TEST(a_rewrite_holds_up_no_put_and_loses_none),
      TEST(a_disk_that_fails_is_said_once_and_tried_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

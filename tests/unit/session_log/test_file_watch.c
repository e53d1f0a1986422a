/* SPDX-License-Identifier: MIT */
/* file_watch: writes and new names are reported at once, also those from before
 * the watch. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "session_log/tail/file_watch.h"

#define LOGS 2

static char directory[64];
static char path[128];
static struct file_watch *watch;
static int file_number; /* of the watch on path */

static void append(const char *text) {
  FILE *file = fopen(path, "a");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void watch_log(size_t log) {
  file_watch_begin_update(watch, log);
  (void)file_watch_add(watch, log, directory, FILE_WATCH_DIRECTORY);
  file_number = file_watch_add(watch, log, path, FILE_WATCH_FILE);
  file_watch_end_update(watch, log);
}

/* What the last wait has found: how many files of each log were written to, and
 * the number of the first. */
static size_t taken[LOGS];
static int first_number[LOGS];

static size_t take_events(size_t log, int numbers[4]) {
  return file_watch_take_events(watch, log, numbers, 4);
}

/* Waits until one of the logs has events, for at most MS, and takes them. */
static void wait_for_events(int ms, bool dirty[LOGS]) {
  int numbers[4];
  dirty[0] = dirty[1] = false;
  int64_t deadline_ms = clock_monotonic_ms() + ms;
  do {
    assert_int_equal(file_watch_wait(watch, deadline_ms, dirty), 0);
  } while (!dirty[0] && !dirty[1] && clock_monotonic_ms() < deadline_ms);
  for (size_t i = 0; i < LOGS; i++) {
    taken[i] = take_events(i, numbers);
    first_number[i] = numbers[0];
  }
}

static int set_up(void **state) {
  (void)state;
  (void)snprintf(directory, sizeof(directory), "/tmp/watch.XXXXXX");
  if (mkdtemp(directory) == NULL) {
    return -1;
  }
  (void)snprintf(path, sizeof(path), "%s/app.log", directory);
  append("first\n");
  return file_watch_new(LOGS, &watch);
}

static int tear_down(void **state) {
  (void)state;
  file_watch_free(watch);
  (void)unlink(path);
  return rmdir(directory);
}

static void what_was_written_before_the_watch_is_reported(void **state) {
  (void)state;
  bool dirty[LOGS];
  watch_log(1);
  wait_for_events(10000, dirty);
  assert_false(dirty[0]);
  assert_true(dirty[1]);
  watch_log(1); /* nothing new: nothing to tell */
  wait_for_events(0, dirty);
  assert_false(dirty[0] || dirty[1]);
}

static void a_write_and_a_new_name_are_reported(void **state) {
  (void)state;
  bool dirty[LOGS];
  watch_log(0);
  wait_for_events(10000, dirty);
  assert_int_equal(taken[0], FILE_WATCH_SCAN); /* a new directory */
  append("second\n");
  wait_for_events(10000, dirty);
  assert_true(dirty[0]);
  assert_int_equal(taken[0], 1); /* the file, and only that */
  assert_int_equal(first_number[0], file_number);
  assert_int_equal(unlink(path), 0);
  wait_for_events(0, dirty); /* nobody waits for what is gone */
  append("in a new file\n");
  wait_for_events(10000, dirty);
  assert_true(dirty[0]);
  assert_int_equal(taken[0], FILE_WATCH_SCAN);
  assert_false(dirty[1]);
}

static void what_nobody_wants_any_more_is_not_reported(void **state) {
  (void)state;
  bool dirty[LOGS];
  watch_log(0);
  wait_for_events(10000, dirty);
  file_watch_begin_update(watch, 0);
  file_watch_end_update(watch, 0);
  append("second\n");
  wait_for_events(0, dirty);
  assert_false(dirty[0]);
}

static void a_stopped_wait_ends(void **state) {
  (void)state;
  bool dirty[LOGS] = {false};
  file_watch_stop(watch);
  assert_int_equal(file_watch_wait(watch, clock_monotonic_ms() + 60000, dirty),
                   -ECANCELED);
}

#define TEST(function)                                                         \
  cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_was_written_before_the_watch_is_reported),
      TEST(a_write_and_a_new_name_are_reported),
      TEST(what_nobody_wants_any_more_is_not_reported),
      TEST(a_stopped_wait_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

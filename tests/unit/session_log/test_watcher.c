/* SPDX-License-Identifier: MIT */
/* watcher: who was written to is told at once, also what was written before
 * the watch was there. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "session_log/follow/watcher.h"

#define LOGS 2

static char directory[64];
static char path[128];
static struct watcher *watcher;

static void append(const char *text) {
  FILE *file = fopen(path, "a");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void watch(size_t log) {
  watcher_begin(watcher, log);
  watcher_add(watcher, log, directory, WATCH_DIRECTORY);
  watcher_add(watcher, log, path, WATCH_FILE);
  watcher_end(watcher, log);
}

/* Waits until one of the logs is dirty, for at most MS. */
static void wait_for_events(int ms, bool dirty[LOGS]) {
  dirty[0] = dirty[1] = false;
  int64_t deadline_ms = clock_monotonic_ms() + ms;
  do {
    assert_int_equal(watcher_wait(watcher, deadline_ms, dirty), 0);
  } while (!dirty[0] && !dirty[1] && clock_monotonic_ms() < deadline_ms);
}

static int set_up(void **state) {
  (void)state;
  (void)snprintf(directory, sizeof(directory), "/tmp/watcher.XXXXXX");
  if (mkdtemp(directory) == NULL) {
    return -1;
  }
  (void)snprintf(path, sizeof(path), "%s/app.log", directory);
  append("first\n");
  return watcher_new(LOGS, &watcher);
}

static int tear_down(void **state) {
  (void)state;
  watcher_free(watcher);
  (void)unlink(path);
  return rmdir(directory);
}

static void what_was_written_before_the_watch_is_told(void **state) {
  (void)state;
  bool dirty[LOGS];
  watch(1);
  wait_for_events(10000, dirty);
  assert_false(dirty[0]);
  assert_true(dirty[1]);
  watch(1); /* nothing new: nothing to tell */
  wait_for_events(0, dirty);
  assert_false(dirty[0] || dirty[1]);
}

static void a_write_and_a_new_name_are_told(void **state) {
  (void)state;
  bool dirty[LOGS];
  watch(0);
  wait_for_events(10000, dirty);
  append("second\n");
  wait_for_events(10000, dirty);
  assert_true(dirty[0]);
  assert_int_equal(unlink(path), 0);
  wait_for_events(0, dirty); /* nobody waits for what is gone */
  append("in a new file\n");
  wait_for_events(10000, dirty);
  assert_true(dirty[0]);
  assert_false(dirty[1]);
}

static void what_nobody_wants_any_more_is_not_told(void **state) {
  (void)state;
  bool dirty[LOGS];
  watch(0);
  wait_for_events(10000, dirty);
  watcher_begin(watcher, 0);
  watcher_end(watcher, 0);
  append("second\n");
  wait_for_events(0, dirty);
  assert_false(dirty[0]);
}

static void a_stopped_wait_ends(void **state) {
  (void)state;
  bool dirty[LOGS] = {false};
  watcher_stop(watcher);
  assert_int_equal(watcher_wait(watcher, clock_monotonic_ms() + 60000, dirty),
                   -ECANCELED);
}

#define TEST(function)                                                         \
  cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_was_written_before_the_watch_is_told),
      TEST(a_write_and_a_new_name_are_told),
      TEST(what_nobody_wants_any_more_is_not_told),
      TEST(a_stopped_wait_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

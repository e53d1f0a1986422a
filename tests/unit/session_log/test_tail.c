/* SPDX-License-Identifier: MIT */
/* tail: single events of a file's life, and memory that runs short. */
#include "tail_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "support/failing.h"

static void begins_at_the_end_of_what_was_there(void **state) {
  (void)state;
  append("app.log", "old\nhalf ");
  struct tail *tail = follow("app.log", true);
  assert_string_equal(poll_once(tail), "");
  append("app.log", "done\nnew\n");
  assert_string_equal(poll_once(tail), "half done\nnew\n");
  assert_string_equal(poll_once(tail), "");
  tail_free(tail);
}

static void a_file_that_appears_is_read_from_its_start(void **state) {
  (void)state;
  struct tail *tail = follow("app.log", true);
  assert_string_equal(poll_once(tail), "");
  append("app.log", "first\n");
  assert_string_equal(poll_once(tail), "first\n");
  assert_non_null(
      strstr(logged, "no such file; followed as soon as it appears"));
  assert_non_null(strstr(logged, "app.log: found"));
  tail_free(tail);
}

static void a_link_may_be_turned(void **state) {
  (void)state;
  append("a.log", "a1\n");
  assert_int_equal(symlink("a.log", path_of("app.log")), 0);
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "a1\n");
  append("a.log", "a2\n");
  append("b.log", "b1\n"); /* what was written first is read first */
  assert_int_equal(unlink(path_of("app.log")), 0);
  assert_int_equal(symlink("b.log", path_of("app.log")), 0);
  assert_string_equal(poll_once(tail), "a2\nb1\n");
  append("a.log", "late\n");
  append("b.log", "b2\n");
  assert_string_equal(poll_once(tail), "late\nb2\n");
  tail_free(tail);
}

/* A link of another user's is swapped in for the log: it leads to a private
 * file of root's. */
static void a_swapped_link_opens_no_private_file(void **state) {
  (void)state;
  const uid_t nobody = 65534;
  if (geteuid() != 0) {
    skip();
  }
  append("private", "secret\n");
  append("public", "harmless\n");
  assert_int_equal(chmod(path_of("private"), 0600), 0);
  assert_int_equal(chmod(path_of("public"), 0644), 0);
  append("app.log", "a\n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "a\n");
  assert_int_equal(unlink(path_of("app.log")), 0);
  assert_int_equal(symlink("private", path_of("app.log")), 0);
  assert_int_equal(lchown(path_of("app.log"), nobody, nobody), 0);
  assert_string_equal(poll_once(tail), "");
  assert_non_null(strstr(logged, "app.log: cannot read: Operation not"));
  assert_string_equal(poll_once(tail), "");
  assert_int_equal(unlink(path_of("app.log")), 0);
  assert_int_equal(symlink("public", path_of("app.log")), 0);
  assert_int_equal(lchown(path_of("app.log"), nobody, nobody), 0);
  assert_string_equal(poll_once(tail), "harmless\n");
  tail_free(tail);
}

/* The scan finds no more files, but those that were moved away stay known. */
static void a_full_directory_is_saved_and_loaded(void **state) {
  (void)state;
  char name[32];
  append("app.log", "a\n");
  for (int i = 0; i < DIRECTORY_SCAN_MAX + 10; i++) {
    (void)snprintf(name, sizeof(name), "app.log.%d", i);
    append(name, "");
  }
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "a\n");
  for (int i = 0; i < 3; i++) {
    char from[128];
    (void)snprintf(from, sizeof(from), "%s", path_of("app.log"));
    (void)snprintf(name, sizeof(name), "moved%d", i);
    assert_int_equal(rename(from, path_of(name)), 0);
    (void)snprintf(name, sizeof(name), "%d\n", i);
    append("app.log", name);
    assert_string_equal(poll_once(tail), name);
  }
  struct state_file_record record = {0};
  state_file_begin_record(&record);
  assert_int_equal(tail_transfer(tail, clock_ms, &record), 0);
  state_file_end_record(&record);
  tail_free(tail);
  tail = follow("app.log", false);
  assert_int_equal(state_file_begin_loading(&record), 0);
  assert_int_equal(tail_transfer(tail, clock_ms, &record), 0);
  assert_true(state_file_is_loaded_whole(&record));
  state_file_record_fini(&record);
  append("app.log", "c\n");
  assert_string_equal(poll_once(tail), "c\n");
  tail_free(tail);
}

static void an_unlinked_file_is_read_to_its_end(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\n");
  FILE *writer = fopen(path_of("app.log"), "a");
  assert_non_null(writer);
  assert_true(fputs("two\nthree", writer) >= 0);
  assert_int_equal(unlink(path_of("app.log")), 0);
  assert_int_equal(fclose(writer), 0);
  append("app.log", "new\n");
  assert_string_equal(poll_once(tail), "two\nnew\n");
  for (int i = 0; i < 5; i++) {
    assert_string_equal(poll_once(tail), "");
  }
  assert_string_equal(poll_once(tail), "three"); /* closed for good */
  struct tail_stats view;
  tail_get_stats(tail, &view);
  assert_int_equal(view.files, 1);
  assert_int_equal(view.rotated, 1);
  tail_free(tail);
}

static void a_hole_after_a_truncation_is_stepped_over(void **state) {
  (void)state;
  append("app.log", "one\ntwo\n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\ntwo\n");
  assert_int_equal(truncate(path_of("app.log"), 0), 0);
  int writer = open(path_of("app.log"), O_WRONLY | O_CLOEXEC);
  assert_true(writer >= 0);
  assert_int_equal(pwrite(writer, "three\n", 6, 10000), 6);
  assert_int_equal(close(writer), 0);
  assert_string_equal(poll_once(tail), "three\n");
  struct tail_stats view;
  tail_get_stats(tail, &view);
  assert_int_equal(view.truncated, 1);
  tail_free(tail);
}

static void a_smaller_rewrite_is_a_truncation(void **state) {
  (void)state;
  append("app.log", "one\ntwo\n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\ntwo\n");
  assert_int_equal(truncate(path_of("app.log"), 0), 0);
  append("app.log", "six\ntwo\nmore\n"); /* larger than before */
  assert_string_equal(poll_once(tail), "six\ntwo\nmore\n");
  tail_free(tail);
}

static void an_over_long_line_is_cut(void **state) {
  (void)state;
  struct tail *tail = follow("app.log", false);
  (void)poll_once(tail);
  FILE *file = fopen(path_of("app.log"), "w");
  assert_non_null(file);
  for (int i = 0; i < 600000; i++) {
    assert_true(fputc(i == 0 ? 'S' : 'x', file) >= 0);
  }
  assert_int_equal(fclose(file), 0);
  assert_int_equal(strlen(poll_once(tail)), 2048);
  assert_int_equal(taken[0], 'S');
  append("app.log", "rest of it\nnext\n");
  assert_string_equal(poll_once(tail), "next\n");
  struct tail_stats view;
  tail_get_stats(tail, &view);
  assert_int_equal(view.read.long_lines, 1);
  tail_free(tail);
}

static void compressed_files_are_left_out(void **state) {
  (void)state;
  struct tail *tail = follow("*", false);
  (void)poll_once(tail);
  append("app.log.gz", "packed\n");
  append("app.log", "plain\n");
  assert_string_equal(poll_once(tail), "plain\n");
  tail_free(tail);
}

static void a_file_put_there_by_hand_is_no_rotation(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\n");
  append("app.log.2", "unpacked from last year\n");
  const struct timespec last_year[2] = {{.tv_sec = 1600000000},
                                        {.tv_sec = 1600000000}};
  assert_int_equal(utimensat(AT_FDCWD, path_of("app.log.2"), last_year, 0), 0);
  assert_string_equal(poll_once(tail), "");
  tail_free(tail);
}

static void a_copy_is_not_read_twice(void **state) {
  (void)state;
  append("app.log", "one\ntwo\n");
  struct tail *tail = follow("*", false);
  assert_string_equal(poll_once(tail), "one\ntwo\n");
  append("app.log.1", "one\ntwo\n");
  assert_string_equal(poll_once(tail), "");
  append("app.log", "three\n");
  assert_string_equal(poll_once(tail), "three\n");
  tail_free(tail);
}

static void a_file_replaced_by_its_copy_goes_on(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\n");
  append("a.log", "one\n"); /* as sed -i does */
  assert_int_equal(rename(path_of("a.log"), path_of("app.log")), 0);
  assert_string_equal(poll_once(tail), "");
  append("app.log", "two\n");
  assert_string_equal(poll_once(tail), "two\n");
  append("app.log", "three\n");
  assert_string_equal(poll_once(tail), "three\n");
  tail_free(tail);
}

/* Polls after events of the files with these numbers. Returns what was taken;
 * NULL where a full poll is needed. */
static const char *poll_files(struct tail *tail, const int *numbers,
                              size_t len) {
  const struct tail_file_sink sink = {take, NULL};
  const struct tail_time now = {clock_ms, START_NS + clock_ms * 1000000};
  clock_ms += 10;
  taken_bytes = 0;
  taken[0] = '\0';
  int code = tail_poll_files(tail, &now, numbers, len, &buffer, &sink);
  assert_true(code == 0 || code == 1);
  return code == 1 ? NULL : taken;
}

static void an_event_reads_that_file_only(void **state) {
  (void)state;
  struct file_watch *watch = NULL;
  append("a.log", "a1\n");
  append("b.log", "b1\n");
  struct tail *tail = follow("*.log", false);
  assert_string_equal(poll_once(tail), "a1\nb1\n");
  assert_int_equal(file_watch_new(1, &watch), 0);
  tail_watch(tail, watch, 0);
  int numbers[8];
  bool has_events[1] = {false};
  assert_int_equal(file_watch_wait(watch, 0, has_events), 0);
  assert_int_equal(file_watch_take_events(watch, 0, numbers, 8),
                   FILE_WATCH_SCAN);
  append("b.log", "b2\n");
  assert_int_equal(file_watch_wait(watch, 0, has_events), 0);
  assert_int_equal(file_watch_take_events(watch, 0, numbers, 8), 1);
  append("a.log", "a2\n");
  assert_string_equal(poll_files(tail, numbers, 1), "b2\n");
  assert_string_equal(poll_files(tail, numbers, 1), ""); /* nothing new */
  assert_string_equal(poll_files(tail, numbers, 0), "");
  struct tail_stats stats;
  tail_get_stats(tail, &stats);
  assert_int_equal(stats.read.bytes, 9);
  assert_int_equal(stats.lag_bytes, 0);
  assert_int_equal(truncate(path_of("b.log"), 0), 0);
  append("b.log", "b3\n");
  assert_null(poll_files(tail, numbers, 1)); /* truncated: a full poll */
  assert_string_equal(poll_once(tail), "a2\nb3\n");
  file_watch_free(watch);
  tail_free(tail);
}

static void set_modified(const char *name, time_t seconds) {
  const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
  assert_int_equal(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

/* An empty rotated file is not known yet. Events of others, which are newer
 * than its first line, must not make it an old file. */
static void events_make_no_other_file_old(void **state) {
  (void)state;
  struct file_watch *watch = NULL;
  int numbers[8];
  bool has_events[1] = {false};
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "");
  append("app.log.1", "");
  append("app.log", "one\n");
  set_modified("app.log", 1600000000);
  assert_string_equal(poll_once(tail), "one\n");
  assert_int_equal(file_watch_new(1, &watch), 0);
  tail_watch(tail, watch, 0);
  assert_int_equal(file_watch_wait(watch, 0, has_events), 0);
  (void)file_watch_take_events(watch, 0, numbers, 8);
  append("app.log.1", "late\n");
  set_modified("app.log.1", 1600000001);
  append("app.log", "two\n");
  set_modified("app.log", 1600000002);
  assert_int_equal(file_watch_wait(watch, 0, has_events), 0);
  assert_int_equal(file_watch_take_events(watch, 0, numbers, 8), 1);
  assert_string_equal(poll_files(tail, numbers, 1), "two\n");
  assert_string_equal(poll_once(tail), "late\n");
  file_watch_free(watch);
  tail_free(tail);
}

static void quiet_files_are_not_read(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct tail *tail = follow("app.log", false);
  const struct timespec past[2] = {{.tv_sec = 1600000000},
                                   {.tv_sec = 1600000000}};
  assert_int_equal(utimensat(AT_FDCWD, path_of("app.log"), past, 0), 0);
  (void)poll_once(tail);
  (void)poll_once(tail);
  struct stat before;
  struct stat after;
  assert_int_equal(stat(path_of("app.log"), &before), 0);
  tail_file_buffer_fini(&buffer);
  (void)poll_once(tail);
  assert_null(buffer.data); /* nothing was fetched */
  assert_int_equal(stat(path_of("app.log"), &after), 0);
  assert_int_equal(before.st_atim.tv_nsec, after.st_atim.tv_nsec);
  tail_free(tail);
}

/* Each allocation fails once; the poll after it finds what is missing. */
static void goes_on_when_memory_was_short(void **state) {
  (void)state;
  for (size_t n = 0;; n++) {
    (void)unlink(path_of("app.log"));
    (void)unlink(path_of("app.log.1"));
    struct tail *tail = follow("app.log", false);
    (void)poll_once(tail);
    append("app.log", "one\n");
    assert_int_equal(rename(path_of("app.log"), path_of("app.log.1")), 0);
    append("app.log", "two\n");
    const struct tail_file_sink sink = {take, NULL};
    const struct tail_time now = {clock_ms, START_NS + clock_ms * 1000000};
    clock_ms += 1000;
    taken_bytes = 0;
    failing_after(n);
    int code = tail_poll(tail, &now, &buffer, &sink);
    bool has_failed = failing_stop();
    assert_true(code == 0 || code == -ENOMEM);
    assert_int_equal(tail_poll(tail, &now, &buffer, &sink), 0);
    taken[taken_bytes] = '\0';
    assert_string_equal(taken, "one\ntwo\n");
    tail_free(tail);
    tail_file_buffer_fini(&buffer);
    if (!has_failed) {
      return;
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(begins_at_the_end_of_what_was_there),
      TEST(a_file_that_appears_is_read_from_its_start),
      TEST(a_link_may_be_turned),
      TEST(a_swapped_link_opens_no_private_file),
      TEST(a_full_directory_is_saved_and_loaded),
      TEST(an_unlinked_file_is_read_to_its_end),
      TEST(a_hole_after_a_truncation_is_stepped_over),
      TEST(a_smaller_rewrite_is_a_truncation),
      TEST(an_over_long_line_is_cut),
      TEST(compressed_files_are_left_out),
      TEST(a_file_put_there_by_hand_is_no_rotation),
      TEST(a_copy_is_not_read_twice),
      TEST(a_file_replaced_by_its_copy_goes_on),
      TEST(an_event_reads_that_file_only),
      TEST(events_make_no_other_file_old),
      TEST(quiet_files_are_not_read),
      TEST(goes_on_when_memory_was_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

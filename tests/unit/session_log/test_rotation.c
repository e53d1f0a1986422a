/* SPDX-License-Identifier: MIT */
/* tail: what rotation makes of files, step by step; test_tail_model.c
 * mixes the steps at random. */
#include "tail_fixture.h"

#include <sys/stat.h>

#include "session_log/tail/tail.h"

int __real_statx(int at, const char *path, int flags, unsigned mask,
                 struct statx *status);
int __wrap_statx(int at, const char *path, int flags, unsigned mask,
                 struct statx *status);

/* A file system that keeps no time of birth and gives one inode number to all:
 * as ext4 does when a file is deleted and the next one made. */
static bool is_forgetful;

int __wrap_statx(int at, const char *path, int flags, unsigned mask,
                 struct statx *status) {
  int code = __real_statx(at, path, flags, mask, status);
  if (is_forgetful) {
    status->stx_mask &= ~(unsigned)STATX_BTIME;
    status->stx_ino = 7;
  }
  return code;
}

static void move(const char *from, const char *to) {
  assert_int_equal(rename(path_of(from), path_of(to)), 0);
}

static void empty(const char *name) {
  assert_int_equal(truncate(path_of(name), 0), 0);
}

static struct tail_stats view_of(const struct tail *tail) {
  struct tail_stats view;
  tail_get_stats(tail, &view);
  return view;
}

/* As a daemon that is killed and comes back. */
static struct tail *restart(struct tail *tail, const char *name) {
  struct state_file_record record = {0};
  assert_int_equal(tail_transfer(tail, clock_ms, &record), 0);
  tail_free(tail);
  struct tail *next = follow(name, false);
  record.is_loading = true;
  assert_int_equal(tail_transfer(next, clock_ms, &record), 0);
  assert_true(state_file_is_loaded_whole(&record));
  state_file_record_fini(&record);
  return next;
}

static void several_rotations_within_one_interval(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\n");
  append("app.log", "two\n");
  move("app.log", "app.log.1");
  append("app.log", "three\n");
  move("app.log.1", "app.log.2");
  move("app.log", "app.log.1");
  append("app.log", "four\n");
  assert_string_equal(poll_once(tail), "two\nthree\nfour\n");
  assert_int_equal(view_of(tail).lost_files, 0);
  tail_free(tail);
}

/* logrotate's create beside an application that reopens by itself. */
static void a_name_that_was_taken_becomes_a_backup(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\n");
  move("app.log", "app.log-20261130-1796049274");
  append("app.log", "two\n");
  move("app.log", "app.log-2026113014.backup");
  append("app.log", "three\n");
  assert_string_equal(poll_once(tail), "two\nthree\n");
  tail_free(tail);
}

static void an_unfinished_frame_survives_a_restart(void **state) {
  (void)state;
  append("app.log", "2026-11-30T14:00:00.1Z stdout F one\n"
                    "2026-11-30T14:00:00.2Z stdout P two \n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\n");
  assert_non_null(strstr(logged, "has lines of a container runtime (CRI)"));
  tail = restart(tail, "app.log");
  append("app.log", "2026-11-30T14:00:00.3Z stdout F and three\n");
  assert_string_equal(poll_once(tail), "two and three\n");
  tail_free(tail);
}

static void text_in_utf16_is_logged(void **state) {
  (void)state;
  FILE *file = fopen(path_of("app.log"), "w");
  assert_non_null(file);
  assert_int_equal(fwrite("\xff\xfe"
                          "E\0R\0\n\0",
                          1, 8, file),
                   8);
  assert_int_equal(fclose(file), 0);
  struct tail *tail = follow("app.log", false);
  (void)poll_once(tail);
  assert_non_null(strstr(logged, "has text in UTF-16, which is not searched"));
  tail_free(tail);
}

static void rotations_while_nobody_reads(void **state) {
  (void)state;
  append("app.log", "one\nhalf ");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\n");
  append("app.log", "line\n");
  move("app.log", "app-20240131.log");
  append("app.log", "two\n");
  move("app.log", "app-20240201.log");
  append("app.log", "three\n");
  tail = restart(tail, "app.log");
  assert_string_equal(poll_once(tail), "half line\ntwo\nthree\n");
  assert_string_equal(poll_once(tail), "");
  tail_free(tail);
}

/* The text may stand whole in both halves: it is one line. */
static void a_torn_line_is_handed_on_once(void **state) {
  (void)state;
  struct tail *tail = follow("app.log", false);
  append("app.log", "session a, ");
  assert_string_equal(poll_once(tail), "");
  append("app.log", "session a");
  assert_string_equal(poll_once(tail), "");
  append("app.log", "\n");
  assert_string_equal(poll_once(tail), "session a, session a\n");
  tail_free(tail);
}

static void a_copy_in_progress_waits(void **state) {
  (void)state;
  append("app.log", "one\ntwo\n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\ntwo\n");
  append("app.log", "three\n");
  append("app.log.1", "one\nt");
  assert_string_equal(poll_once(tail), "three\n");
  append("app.log", "four\n");
  append("app.log.1", "wo\nthree\nfour\n");
  empty("app.log");
  append("app.log", "five\n");
  assert_string_equal(poll_once(tail), "four\nfive\n");
  assert_string_equal(poll_once(tail), "");
  assert_int_equal(view_of(tail).truncated, 1);
  tail_free(tail);
}

static void a_copy_that_was_read_is_not_read_again(void **state) {
  (void)state;
  append("app.log", "one\ntwo\n");
  struct tail *tail = follow("app.log*", false);
  assert_string_equal(poll_once(tail), "one\ntwo\n");
  append("app.log.1", "one\ntwo\n");
  empty("app.log");
  assert_string_equal(poll_once(tail), "");
  append("app.log", "three\n");
  assert_string_equal(poll_once(tail), "three\n");
  tail_free(tail);
}

/* Neither size nor what stands before the offset tells it: nothing does. */
static void a_truncation_before_the_first_line_is_seen(void **state) {
  (void)state;
  append("app.log", "an unfinished line");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "");
  empty("app.log");
  append("app.log", "another line, of more bytes\n");
  assert_string_equal(poll_once(tail), "another line, of more bytes\n");
  assert_int_equal(view_of(tail).truncated, 1);
  tail_free(tail);
}

static void files_that_begin_alike_are_two(void **state) {
  (void)state;
  struct tail *tail = follow("*.log", false);
  append("a.log", "the same banner\n");
  assert_string_equal(poll_once(tail), "the same banner\n");
  append("b.log", "the same banner\n");
  assert_string_equal(poll_once(tail), "the same banner\n");
  append("a.log", "a\n");
  append("b.log", "b\n");
  assert_string_equal(poll_once(tail), "a\nb\n");
  tail_free(tail);
}

static void a_file_made_anew_under_the_same_number(void **state) {
  (void)state;
  is_forgetful = true;
  append("app.log", "one\ntwo\n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\ntwo\n");
  assert_int_equal(unlink(path_of("app.log")), 0);
  append("app.log", "three\nfour\nfive\n"); /* larger than the one before */
  tail = restart(tail, "app.log");
  assert_string_equal(poll_once(tail), "three\nfour\nfive\n");
  assert_string_equal(poll_once(tail), "");
  is_forgetful = false;
  tail_free(tail);
}

static void a_file_that_vanishes_may_come_back(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\n");
  assert_int_equal(unlink(path_of("app.log")), 0);
  for (int i = 0; i < 8; i++) { /* longer than a rotated file is kept open */
    assert_string_equal(poll_once(tail), "");
  }
  assert_int_equal(view_of(tail).files, 0);
  assert_int_equal(view_of(tail).lost_files, 0); /* all of it was read */
  append("app.log", "two\n");
  assert_string_equal(poll_once(tail), "two\n");
  assert_int_equal(view_of(tail).files, 1);
  tail_free(tail);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(several_rotations_within_one_interval),
      TEST(rotations_while_nobody_reads),
      TEST(a_name_that_was_taken_becomes_a_backup),
      TEST(an_unfinished_frame_survives_a_restart),
      TEST(text_in_utf16_is_logged),
      TEST(a_torn_line_is_handed_on_once),
      TEST(a_copy_in_progress_waits),
      TEST(a_copy_that_was_read_is_not_read_again),
      TEST(a_truncation_before_the_first_line_is_seen),
      TEST(files_that_begin_alike_are_two),
      TEST(a_file_made_anew_under_the_same_number),
      TEST(a_file_that_vanishes_may_come_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

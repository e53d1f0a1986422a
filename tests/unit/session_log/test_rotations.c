/* SPDX-License-Identifier: MIT */
/* follower: what rotation makes of files, step by step; test_follow_model.c
 * mixes the steps at random. */
#include "following.h"

#include <sys/stat.h>

#include "session_log/follow/follower_store.h"

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

static struct follower_view view_of(const struct follower *follower) {
  struct follower_view view;
  follower_view(follower, &view);
  return view;
}

/* As a daemon that is killed and comes back. */
static struct follower *restart(struct follower *follower, const char *name) {
  struct record_writer record = {0};
  follower_save(follower, clock_ms, &record);
  follower_free(follower);
  struct follower *next = follow(name, false);
  struct record_reader reader = {.at = record.data,
                                 .end = record.data + record.bytes};
  assert_int_equal(follower_load(next, clock_ms, &reader), 0);
  record_writer_fini(&record);
  return next;
}

static void several_rotations_within_one_interval(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct follower *follower = follow("app.log", false);
  assert_string_equal(poll_once(follower), "one\n");
  append("app.log", "two\n");
  move("app.log", "app.log.1");
  append("app.log", "three\n");
  move("app.log.1", "app.log.2");
  move("app.log", "app.log.1");
  append("app.log", "four\n");
  assert_string_equal(poll_once(follower), "two\nthree\nfour\n");
  assert_int_equal(view_of(follower).lost_files, 0);
  follower_free(follower);
}

static void rotations_while_nobody_reads(void **state) {
  (void)state;
  append("app.log", "one\nhalf ");
  struct follower *follower = follow("app.log", false);
  assert_string_equal(poll_once(follower), "one\n");
  append("app.log", "line\n");
  move("app.log", "app-20240131.log");
  append("app.log", "two\n");
  move("app.log", "app-20240201.log");
  append("app.log", "three\n");
  follower = restart(follower, "app.log");
  assert_string_equal(poll_once(follower), "half line\ntwo\nthree\n");
  assert_string_equal(poll_once(follower), "");
  follower_free(follower);
}

/* The text may stand whole in both halves: it is one line. */
static void a_torn_line_is_handed_on_once(void **state) {
  (void)state;
  struct follower *follower = follow("app.log", false);
  append("app.log", "session a, ");
  assert_string_equal(poll_once(follower), "");
  append("app.log", "session a");
  assert_string_equal(poll_once(follower), "");
  append("app.log", "\n");
  assert_string_equal(poll_once(follower), "session a, session a\n");
  follower_free(follower);
}

static void a_copy_in_progress_waits(void **state) {
  (void)state;
  append("app.log", "one\ntwo\n");
  struct follower *follower = follow("app.log", false);
  assert_string_equal(poll_once(follower), "one\ntwo\n");
  append("app.log", "three\n");
  append("app.log.1", "one\nt");
  assert_string_equal(poll_once(follower), "three\n");
  append("app.log", "four\n");
  append("app.log.1", "wo\nthree\nfour\n");
  empty("app.log");
  append("app.log", "five\n");
  assert_string_equal(poll_once(follower), "four\nfive\n");
  assert_string_equal(poll_once(follower), "");
  assert_int_equal(view_of(follower).truncated, 1);
  follower_free(follower);
}

static void a_copy_that_was_read_is_not_read_again(void **state) {
  (void)state;
  append("app.log", "one\ntwo\n");
  struct follower *follower = follow("app.log*", false);
  assert_string_equal(poll_once(follower), "one\ntwo\n");
  append("app.log.1", "one\ntwo\n");
  empty("app.log");
  assert_string_equal(poll_once(follower), "");
  append("app.log", "three\n");
  assert_string_equal(poll_once(follower), "three\n");
  follower_free(follower);
}

/* Neither size nor what stands before the offset tells it: nothing does. */
static void a_truncation_before_the_first_line_is_seen(void **state) {
  (void)state;
  append("app.log", "an unfinished line");
  struct follower *follower = follow("app.log", false);
  assert_string_equal(poll_once(follower), "");
  empty("app.log");
  append("app.log", "another line, of more bytes\n");
  assert_string_equal(poll_once(follower), "another line, of more bytes\n");
  assert_int_equal(view_of(follower).truncated, 1);
  follower_free(follower);
}

static void files_that_begin_alike_are_two(void **state) {
  (void)state;
  struct follower *follower = follow("*.log", false);
  append("a.log", "the same banner\n");
  assert_string_equal(poll_once(follower), "the same banner\n");
  append("b.log", "the same banner\n");
  assert_string_equal(poll_once(follower), "the same banner\n");
  append("a.log", "a\n");
  append("b.log", "b\n");
  assert_string_equal(poll_once(follower), "a\nb\n");
  follower_free(follower);
}

static void a_file_made_anew_under_the_same_number(void **state) {
  (void)state;
  is_forgetful = true;
  append("app.log", "one\ntwo\n");
  struct follower *follower = follow("app.log", false);
  assert_string_equal(poll_once(follower), "one\ntwo\n");
  assert_int_equal(unlink(path_of("app.log")), 0);
  append("app.log", "three\nfour\nfive\n"); /* larger than the one before */
  follower = restart(follower, "app.log");
  assert_string_equal(poll_once(follower), "three\nfour\nfive\n");
  assert_string_equal(poll_once(follower), "");
  is_forgetful = false;
  follower_free(follower);
}

static void a_file_that_vanishes_may_come_back(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct follower *follower = follow("app.log", false);
  assert_string_equal(poll_once(follower), "one\n");
  assert_int_equal(unlink(path_of("app.log")), 0);
  for (int i = 0; i < 8; i++) { /* longer than RotateWait */
    assert_string_equal(poll_once(follower), "");
  }
  assert_int_equal(view_of(follower).files, 0);
  assert_int_equal(view_of(follower).lost_files, 0); /* all of it was read */
  append("app.log", "two\n");
  assert_string_equal(poll_once(follower), "two\n");
  assert_int_equal(view_of(follower).files, 1);
  follower_free(follower);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(several_rotations_within_one_interval),
      TEST(rotations_while_nobody_reads),
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

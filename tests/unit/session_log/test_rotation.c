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

#define LINE(number, text) "2026-11-30 10:00:0" number " INFO " text "\n"

/* As sed -i.bak, perl -i and vim with a backup do. */
static void an_edited_log_is_not_read_again(void **state) {
  (void)state;
  append("app.log", LINE("1", "password=a") LINE("2", "b") LINE("3", "c"));
  struct tail *tail = follow("app.log", false);
  (void)poll_once(tail);
  append("app.log", LINE("4", "unread"));
  append("new", LINE("2", "b") LINE("3", "c") LINE("4", "unread"));
  move("app.log", "app.log.bak");
  move("new", "app.log");
  append("app.log", LINE("5", "new"));
  assert_string_equal(poll_once(tail), LINE("4", "unread") LINE("5", "new"));
  assert_string_equal(poll_once(tail), "");
  append("new", LINE("4", "unread") LINE("5", "new") LINE("6", "more"));
  move("new", "app.log"); /* rsync, without a backup */
  assert_string_equal(poll_once(tail), LINE("6", "more"));
  append("new", LINE("4", "unread") LINE("5", "new")); /* a shorter one */
  move("new", "app.log");
  assert_string_equal(poll_once(tail), "");
  append("app.log", LINE("7", "last"));
  assert_string_equal(poll_once(tail), LINE("7", "last"));
  assert_int_equal(view_of(tail).lost_files, 0);
  tail_free(tail);
}

static void a_log_edited_in_its_place_is_not_read_again(void **state) {
  (void)state;
  static const char rest[] = LINE("2", "b") LINE("3", "c") LINE("4", "d")
      LINE("5", "e") LINE("6", "f") LINE("7", "g") LINE("8", "h") LINE("9", "i")
          LINE("9", "j") LINE("9", "k") LINE("9", "l");
  append("app.log", LINE("1", "a"));
  append("app.log", rest);
  struct tail *tail = follow("app.log", false);
  (void)poll_once(tail);
  empty("app.log");
  append("app.log", LINE("1", "changed"));
  append("app.log", rest);
  append("app.log", LINE("4", "new"));
  tail = restart(tail, "app.log");
  assert_string_equal(poll_once(tail), LINE("4", "new"));
  tail_free(tail);
}

/* A new log may begin as the former one ended. */
static void lines_without_a_number_are_new(void **state) {
  (void)state;
  append("app.log", "session opened\nsession closed\n");
  struct tail *tail = follow("app.log", false);
  (void)poll_once(tail);
  move("app.log", "app.log.1");
  append("app.log", "session opened\nsession closed\nsession opened\n");
  assert_string_equal(poll_once(tail),
                      "session opened\nsession closed\nsession opened\n");
  tail_free(tail);
}

static void what_was_read_before_it_vanished_is_not_lost(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct tail *tail = follow("app.log", false);
  (void)poll_once(tail);
  move("app.log", "app.log.1");
  append("app.log", "two\n");
  assert_string_equal(poll_once(tail), "two\n");
  assert_int_equal(unlink(path_of("app.log.1")), 0);
  tail = restart(tail, "app.log");
  assert_string_equal(poll_once(tail), "");
  assert_int_equal(view_of(tail).lost_files, 0);
  assert_int_equal(unlink(path_of("app.log")), 0);
  tail = restart(tail, "app.log");
  assert_string_equal(poll_once(tail), "");
  assert_int_equal(view_of(tail).lost_files, 1);
  assert_non_null(strstr(logged, "app.log: gone before it was read to its"));
  tail_free(tail);
}

static void point(const char *target) {
  (void)unlink(path_of("current"));
  assert_int_equal(symlink(target, path_of("current")), 0);
}

static void a_link_that_moves_between_two_looks(void **state) {
  (void)state;
  append("app-1.log", LINE("1", "a"));
  point("app-1.log");
  struct tail *tail = follow("current", false);
  assert_string_equal(poll_once(tail), LINE("1", "a"));
  append("app-1.log", LINE("2", "late"));
  append("app-2.log", LINE("3", "b"));
  append("app-3.log", LINE("4", "c"));
  append("app-4.log", LINE("5", "d"));
  append("other-4.log", "not of the log\n");
  point("app-4.log");
  tail = restart(tail, "current");
  assert_string_equal(poll_once(tail), LINE("2", "late") LINE("3", "b")
                                           LINE("4", "c") LINE("5", "d"));
  assert_string_equal(poll_once(tail), "");
  assert_int_equal(view_of(tail).lost_files, 0);
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
      TEST(an_edited_log_is_not_read_again),
      TEST(a_log_edited_in_its_place_is_not_read_again),
      TEST(lines_without_a_number_are_new),
      TEST(what_was_read_before_it_vanished_is_not_lost),
      TEST(a_link_that_moves_between_two_looks),
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

/* SPDX-License-Identifier: MIT */
/* follower: single events of a file's life, and memory that runs short. */
#include "following.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "support/failing.h"

static void begins_at_the_end_of_what_was_there(void **state) {
  (void)state;
  append("app.log", "old\nhalf ");
  struct follower *follower = follow("app.log", true);
  assert_string_equal(poll_once(follower), "");
  append("app.log", "done\nnew\n");
  assert_string_equal(poll_once(follower), "half done\nnew\n");
  assert_string_equal(poll_once(follower), "");
  follower_free(follower);
}

static void a_file_that_appears_is_read_from_its_start(void **state) {
  (void)state;
  struct follower *follower = follow("app.log", true);
  assert_string_equal(poll_once(follower), "");
  append("app.log", "first\n");
  assert_string_equal(poll_once(follower), "first\n");
  assert_non_null(strstr(said, "no such file; picked up when it appears"));
  assert_non_null(strstr(said, "app.log: found"));
  follower_free(follower);
}

static void a_link_may_be_turned(void **state) {
  (void)state;
  append("a.log", "a1\n");
  assert_int_equal(symlink("a.log", path_of("app.log")), 0);
  struct follower *follower = follow("app.log", false);
  assert_string_equal(poll_once(follower), "a1\n");
  append("a.log", "a2\n");
  append("b.log", "b1\n"); /* what was written first is read first */
  assert_int_equal(unlink(path_of("app.log")), 0);
  assert_int_equal(symlink("b.log", path_of("app.log")), 0);
  assert_string_equal(poll_once(follower), "a2\nb1\n");
  append("a.log", "late\n");
  append("b.log", "b2\n");
  assert_string_equal(poll_once(follower), "late\nb2\n");
  follower_free(follower);
}

static void an_unlinked_file_is_read_to_its_end(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct follower *follower = follow("app.log", false);
  assert_string_equal(poll_once(follower), "one\n");
  FILE *writer = fopen(path_of("app.log"), "a");
  assert_non_null(writer);
  assert_true(fputs("two\nthree", writer) >= 0);
  assert_int_equal(unlink(path_of("app.log")), 0);
  assert_int_equal(fclose(writer), 0);
  append("app.log", "new\n");
  assert_string_equal(poll_once(follower), "two\nnew\n");
  for (int i = 0; i < 5; i++) {
    assert_string_equal(poll_once(follower), "");
  }
  assert_string_equal(poll_once(follower), "three"); /* closed for good */
  struct follower_view view;
  follower_view(follower, &view);
  assert_int_equal(view.files, 1);
  assert_int_equal(view.rotated, 1);
  follower_free(follower);
}

static void a_hole_after_a_truncation_is_stepped_over(void **state) {
  (void)state;
  append("app.log", "one\ntwo\n");
  struct follower *follower = follow("app.log", false);
  assert_string_equal(poll_once(follower), "one\ntwo\n");
  assert_int_equal(truncate(path_of("app.log"), 0), 0);
  int writer = open(path_of("app.log"), O_WRONLY | O_CLOEXEC);
  assert_true(writer >= 0);
  assert_int_equal(pwrite(writer, "three\n", 6, 10000), 6);
  assert_int_equal(close(writer), 0);
  assert_string_equal(poll_once(follower), "three\n");
  struct follower_view view;
  follower_view(follower, &view);
  assert_int_equal(view.truncated, 1);
  follower_free(follower);
}

static void a_smaller_rewrite_is_a_truncation(void **state) {
  (void)state;
  append("app.log", "one\ntwo\n");
  struct follower *follower = follow("app.log", false);
  assert_string_equal(poll_once(follower), "one\ntwo\n");
  assert_int_equal(truncate(path_of("app.log"), 0), 0);
  append("app.log", "six\ntwo\nmore\n"); /* larger than before */
  assert_string_equal(poll_once(follower), "six\ntwo\nmore\n");
  follower_free(follower);
}

static void an_over_long_line_is_cut(void **state) {
  (void)state;
  struct follower *follower = follow("app.log", false);
  (void)poll_once(follower);
  FILE *file = fopen(path_of("app.log"), "w");
  assert_non_null(file);
  for (int i = 0; i < 600000; i++) {
    assert_true(fputc(i == 0 ? 'S' : 'x', file) >= 0);
  }
  assert_int_equal(fclose(file), 0);
  assert_int_equal(strlen(poll_once(follower)), 2048);
  assert_int_equal(taken[0], 'S');
  append("app.log", "rest of it\nnext\n");
  assert_string_equal(poll_once(follower), "next\n");
  struct follower_view view;
  follower_view(follower, &view);
  assert_int_equal(view.read.long_lines, 1);
  follower_free(follower);
}

static void compressed_files_are_left_out(void **state) {
  (void)state;
  struct follower *follower = follow("*", false);
  (void)poll_once(follower);
  append("app.log.gz", "packed\n");
  append("app.log", "plain\n");
  assert_string_equal(poll_once(follower), "plain\n");
  follower_free(follower);
}

static void a_file_put_there_by_hand_is_no_rotation(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct follower *follower = follow("app.log", false);
  assert_string_equal(poll_once(follower), "one\n");
  append("app.log.2", "unpacked from last year\n");
  const struct timespec last_year[2] = {{.tv_sec = 1600000000},
                                        {.tv_sec = 1600000000}};
  assert_int_equal(utimensat(AT_FDCWD, path_of("app.log.2"), last_year, 0), 0);
  assert_string_equal(poll_once(follower), "");
  follower_free(follower);
}

static void a_copy_is_not_read_twice(void **state) {
  (void)state;
  append("app.log", "one\ntwo\n");
  struct follower *follower = follow("*", false);
  assert_string_equal(poll_once(follower), "one\ntwo\n");
  append("app.log.1", "one\ntwo\n");
  assert_string_equal(poll_once(follower), "");
  append("app.log", "three\n");
  assert_string_equal(poll_once(follower), "three\n");
  follower_free(follower);
}

static void a_file_replaced_by_its_copy_goes_on(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct follower *follower = follow("app.log", false);
  assert_string_equal(poll_once(follower), "one\n");
  append("a.log", "one\n"); /* as sed -i does */
  assert_int_equal(rename(path_of("a.log"), path_of("app.log")), 0);
  assert_string_equal(poll_once(follower), "");
  append("app.log", "two\n");
  assert_string_equal(poll_once(follower), "two\n");
  append("app.log", "three\n");
  assert_string_equal(poll_once(follower), "three\n");
  follower_free(follower);
}

static void quiet_files_are_not_read(void **state) {
  (void)state;
  append("app.log", "one\n");
  struct follower *follower = follow("app.log", false);
  const struct timespec past[2] = {{.tv_sec = 1600000000},
                                   {.tv_sec = 1600000000}};
  assert_int_equal(utimensat(AT_FDCWD, path_of("app.log"), past, 0), 0);
  (void)poll_once(follower);
  (void)poll_once(follower);
  struct stat before;
  struct stat after;
  assert_int_equal(stat(path_of("app.log"), &before), 0);
  reader_buffer_fini(&buffer);
  (void)poll_once(follower);
  assert_null(buffer.data); /* nothing was fetched */
  assert_int_equal(stat(path_of("app.log"), &after), 0);
  assert_int_equal(before.st_atim.tv_nsec, after.st_atim.tv_nsec);
  follower_free(follower);
}

/* Each allocation fails once; the poll after it finds what is missing. */
static void goes_on_when_memory_was_short(void **state) {
  (void)state;
  for (size_t n = 0;; n++) {
    (void)unlink(path_of("app.log"));
    (void)unlink(path_of("app.log.1"));
    struct follower *follower = follow("app.log", false);
    (void)poll_once(follower);
    append("app.log", "one\n");
    assert_int_equal(rename(path_of("app.log"), path_of("app.log.1")), 0);
    append("app.log", "two\n");
    const struct reader_sink sink = {take, NULL};
    const struct moment now = {clock_ms, START_NS + clock_ms * 1000000};
    clock_ms += 1000;
    taken_bytes = 0;
    failing_after(n);
    int code = follower_poll(follower, &now, &buffer, &sink);
    bool has_failed = failing_stop();
    assert_true(code == 0 || code == -ENOMEM);
    assert_int_equal(follower_poll(follower, &now, &buffer, &sink), 0);
    taken[taken_bytes] = '\0';
    assert_string_equal(taken, "one\ntwo\n");
    follower_free(follower);
    reader_buffer_fini(&buffer);
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
      TEST(an_unlinked_file_is_read_to_its_end),
      TEST(a_hole_after_a_truncation_is_stepped_over),
      TEST(a_smaller_rewrite_is_a_truncation),
      TEST(an_over_long_line_is_cut),
      TEST(compressed_files_are_left_out),
      TEST(a_file_put_there_by_hand_is_no_rotation),
      TEST(a_copy_is_not_read_twice),
      TEST(a_file_replaced_by_its_copy_goes_on),
      TEST(quiet_files_are_not_read),
      TEST(goes_on_when_memory_was_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

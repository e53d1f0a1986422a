/* SPDX-License-Identifier: MIT */
/* tail: files that are too large, too many, out of reach, or not what they
 * look like. */
#include "tail_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define GIB (INT64_C(1) << 30)
#define NOBODY 65534
#define NFS_MAGIC 0x6969

int __real_fstatfs64(int fd, struct statfs *status);
int __wrap_fstatfs64(int fd, struct statfs *status);

static bool is_remote;

int __wrap_fstatfs64(int fd, struct statfs *status) {
  int code = __real_fstatfs64(fd, status);
  status->f_type = is_remote ? NFS_MAGIC : status->f_type;
  return code;
}

/* A file of this size, all hole behind TEXT. */
static void make_large(const char *name, const char *text, int64_t bytes) {
  append(name, text);
  assert_int_equal(truncate(path_of(name), bytes), 0);
}

static struct tail_stats view_of(const struct tail *tail) {
  struct tail_stats view;
  tail_get_stats(tail, &view);
  return view;
}

static void a_line_of_a_gigabyte_is_cut(void **state) {
  (void)state;
  max_bytes = 4 * GIB;
  struct tail *tail = follow("app.log", false);
  max_bytes = 1 << 20;
  (void)poll_once(tail);
  make_large("app.log", "S", GIB);
  append("app.log", "its end\nnext\n");
  assert_string_equal(poll_once(tail), "S"); /* and NULs */
  assert_int_equal(taken_bytes, 2048 + strlen("next\n"));
  assert_string_equal(taken + 2048, "next\n");
  assert_int_equal(view_of(tail).read.long_lines, 1);
  assert_int_equal(view_of(tail).lag_bytes, 0);
  assert_true(buffer.bytes <= TAIL_FILE_CHUNK_BYTES);
  tail_free(tail);
}

static void a_flood_starves_nobody(void **state) {
  (void)state;
  struct tail *tail = follow("*.log", false);
  (void)poll_once(tail);
  make_large("a.log", "flood\n", 10 * GIB); /* 10,240 polls of 1 MiB */
  for (int i = 0; i < 5; i++) {
    append("b.log", "calm\n");
    const char *calm = strstr(poll_once(tail), "calm\n");
    assert_non_null(calm != NULL ? calm
                                 : memmem(taken, taken_bytes, "calm\n", 5));
    assert_in_range(view_of(tail).read.bytes, i << 20, (i + 2) << 20);
    assert_in_range(view_of(tail).lag_bytes, 10 * GIB - ((i + 2) << 20),
                    10 * GIB);
  }
  tail_free(tail);
}

static void a_lost_permission_is_logged_and_its_return(void **state) {
  (void)state;
  append("app.log", "one\n");
  bool is_root = geteuid() == 0;
  assert_int_equal(chmod(directory, 0777), 0);
  assert_int_equal(chmod(path_of("app.log"), 0), 0);
  struct tail *tail = follow("app.log", false);
  assert_int_equal(is_root ? seteuid(NOBODY) : 0, 0);
  assert_string_equal(poll_once(tail), "");
  assert_string_equal(poll_once(tail), "");
  assert_int_equal(is_root ? seteuid(0) : 0, 0);
  assert_non_null(strstr(logged,
                         "app.log: cannot read: Permission denied; retrying "
                         "at every interval\n"));
  assert_null(strchr(strchr(logged, '\n') + 1, '\n')); /* once */
  assert_int_equal(chmod(path_of("app.log"), 0644), 0);
  append("app.log", "two\n");
  assert_int_equal(is_root ? seteuid(NOBODY) : 0, 0);
  assert_string_equal(poll_once(tail), "one\ntwo\n");
  assert_int_equal(is_root ? seteuid(0) : 0, 0);
  assert_non_null(strstr(logged, "app.log: readable again"));
  /* What is open stays so, whatever its mode. */
  assert_int_equal(chmod(path_of("app.log"), 0), 0);
  append("app.log", "three\n");
  assert_string_equal(poll_once(tail), "three\n");
  tail_free(tail);
}

static void what_goes_unread_is_counted_as_lost(void **state) {
  (void)state;
  bool is_root = geteuid() == 0;
  append("app.log", "one\n");
  assert_int_equal(chmod(directory, 0777), 0);
  assert_int_equal(chmod(path_of("app.log"), 0), 0);
  struct tail *tail = follow("app.log", false);
  assert_int_equal(is_root ? seteuid(NOBODY) : 0, 0);
  assert_string_equal(poll_once(tail), "");
  assert_int_equal(is_root ? seteuid(0) : 0, 0);
  assert_int_equal(view_of(tail).lost_files, 0);
  assert_int_equal(unlink(path_of("app.log")), 0);
  assert_string_equal(poll_once(tail), "");
  assert_int_equal(view_of(tail).lost_files, 1);
  assert_int_equal(view_of(tail).files, 0);
  tail_free(tail);
}

static void a_stale_size_is_no_truncation(void **state) {
  (void)state;
  append("app.log", "one\ntwo\n");
  struct tail *tail = follow("app.log", false);
  assert_string_equal(poll_once(tail), "one\ntwo\n");
  is_remote = true;
  assert_int_equal(truncate(path_of("app.log"), 4), 0);
  assert_string_equal(poll_once(tail), "");
  append("app.log", "two\nthree\n"); /* the size is the true one again */
  assert_string_equal(poll_once(tail), "three\n");
  assert_int_equal(view_of(tail).truncated, 0);
  assert_int_equal(truncate(path_of("app.log"), 4), 0);
  assert_string_equal(poll_once(tail), "");
  assert_string_equal(poll_once(tail), "one\n"); /* twice: believed */
  assert_int_equal(view_of(tail).truncated, 1);
  is_remote = false;
  tail_free(tail);
}

static void descriptors_are_left_for_others(void **state) {
  (void)state;
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  const struct rlimit few = {.rlim_cur = 64, .rlim_max = before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  struct tail *tail = follow("*.log", false);
  char name[32];
  for (int i = 0; i < 60; i++) {
    (void)snprintf(name, sizeof(name), "%d.log", i);
    append(name, "x\n");
  }
  assert_int_equal(strlen(poll_once(tail)), 2 * 32);
  assert_non_null(strstr(logged, "cannot read: Too many open files"));
  int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
  assert_true(other >= 0);
  assert_int_equal(close(other), 0);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_int_equal(strlen(poll_once(tail)), 2 * (60 - 32));
  tail_free(tail);
}

/* One that nobody writes to must not hang a reader. */
static void a_fifo_and_a_directory_are_not_opened(void **state) {
  (void)state;
  assert_int_equal(mkfifo(path_of("a.log"), 0644), 0);
  append("b.log", "one\n");
  struct tail *tail = follow("*.log", false);
  assert_string_equal(poll_once(tail), "one\n");
  assert_int_equal(unlink(path_of("a.log")), 0);
  assert_int_equal(mkdir(path_of("a.log"), 0755), 0);
  append("b.log", "two\n");
  assert_string_equal(poll_once(tail), "two\n");
  assert_int_equal(view_of(tail).files, 1);
  assert_int_equal(rmdir(path_of("a.log")), 0);
  tail_free(tail);
}

/* A new name each day; the pattern has the old ones, too. */
static void dated_names_are_followed_from_day_to_day(void **state) {
  (void)state;
  struct tail *tail = follow("app-*.log", false);
  append("app-2024-01-30.log", "monday\n");
  assert_string_equal(poll_once(tail), "monday\n");
  append("app-2024-01-30.log", "late\n");
  append("app-2024-01-31.log", "tuesday\n");
  assert_string_equal(poll_once(tail), "late\ntuesday\n");
  append("app-2024-01-30.log", "very late\n");
  assert_string_equal(poll_once(tail), "very late\n");
  tail_free(tail);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_line_of_a_gigabyte_is_cut),
      TEST(a_flood_starves_nobody),
      TEST(a_lost_permission_is_logged_and_its_return),
      TEST(what_goes_unread_is_counted_as_lost),
      TEST(a_stale_size_is_no_truncation),
      TEST(descriptors_are_left_for_others),
      TEST(a_fifo_and_a_directory_are_not_opened),
      TEST(dated_names_are_followed_from_day_to_day),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

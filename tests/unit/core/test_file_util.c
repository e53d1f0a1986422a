/* SPDX-License-Identifier: MIT */
/* file_util: the old file or the new one, never half; bounds; directories. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/file_util.h"

static char directory[] = "/tmp/atomic_file.XXXXXX";
static char path[64];

/* Where NAME is in the directory; valid until the next call. */
static char *path_of(const char *name) {
  static char full[128];
  (void)snprintf(full, sizeof(full), "%s/%s", directory, name);
  return full;
}

static int make_directory(void **state) {
  (void)snprintf(path, sizeof(path), "%s/state",
                 mkdtemp(directory) == NULL ? "" : directory);
  return path[0] == '/' ? 0 : -1;
}

static int remove_directory(void **state) {
  return rmdir(directory); /* fails where something was left in it */
}

static void writes_and_reads_back(void **state) {
  struct error error = {{0}};
  assert_int_equal(file_replace(path, "one", 3, 0640, true, &error), 0);
  assert_int_equal(file_replace(path, "a\0b", 3, 0640, false, &error), 0);
  struct stat status;
  assert_int_equal(stat(path, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0640);
  char *data = NULL;
  size_t bytes = 0;
  assert_int_equal(file_read(path, 3, &data, &bytes, &error), 0);
  assert_int_equal(bytes, 3);
  assert_memory_equal(data, "a\0b\0", 4);
  free(data);
  assert_int_equal(unlink(path), 0);
}

static void reads_only_regular_files_of_a_bounded_size(void **state) {
  struct error error = {{0}};
  char *data = NULL;
  size_t bytes = 0;
  assert_int_equal(file_read(path, 9, &data, &bytes, &error), -ENOENT);
  assert_non_null(strstr(error.text, "No such file"));
  assert_int_equal(file_read(directory, 9, &data, &bytes, &error), -EINVAL);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(file_read(path, 9, &data, &bytes, &error), -EINVAL);
  assert_int_equal(unlink(path), 0);
  char large[20000];
  memset(large, 'x', sizeof(large));
  assert_int_equal(
      file_replace(path, large, sizeof(large), 0600, false, &error), 0);
  assert_int_equal(file_read(path, sizeof(large) - 1, &data, &bytes, &error),
                   -EFBIG);
  assert_null(data);
  assert_int_equal(file_read(path, sizeof(large), &data, &bytes, &error), 0);
  assert_int_equal(bytes, sizeof(large));
  free(data);
  assert_int_equal(unlink(path), 0);
}

static void leaves_the_old_file_when_it_fails(void **state) {
  struct error error = {{0}};
  assert_int_equal(mkdir(path, 0700), 0); /* rename cannot replace it */
  assert_int_equal(file_replace(path, "x", 1, 0600, false, &error), -EISDIR);
  assert_non_null(strstr(error.text, "cannot write"));
  assert_int_equal(rmdir(path), 0);
  assert_int_equal(file_replace("/nowhere/x", "x", 1, 0600, false, &error),
                   -ENOENT);
}

static void sets_aside(void **state) {
  struct error error = {{0}};
  assert_int_equal(file_replace(path, "x", 1, 0600, false, &error), 0);
  assert_int_equal(file_set_aside(path, &error), 0);
  assert_int_equal(access(path, F_OK), -1);
  assert_int_equal(unlink(path_of("state.bad")), 0);
  assert_int_equal(file_set_aside(path, &error), -ENOENT);
}

/* Makes a file of that name in the directory. */
static void make(const char *name) {
  int fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL, 0600);
  assert_true(fd >= 0);
  assert_int_equal(close(fd), 0);
}

/* Removes it; false where it is not there. */
static bool take(const char *name) { return unlink(path_of(name)) == 0; }

/* The clock was set back since. */
static void touch_tomorrow(const char *name) {
  const time_t tomorrow = time(NULL) + 86400;
  const struct timespec times[2] = {{.tv_sec = tomorrow}, {.tv_sec = tomorrow}};
  assert_int_equal(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

static void sweeps_what_killed_writers_have_left(void **state) {
  static const char left[] = ".resource-alert.state.0123456789abcdef";
  static const char *const others[] = {"state.Ab12yZ", ".env.backup",
                                       ".npmrc.golden", ".resource-alert"};
  make(left);
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
    make(others[i]);
  }
  file_sweep_leftovers("/nowhere", 0);
  file_sweep_leftovers(directory, 60); /* somebody may be writing it */
  assert_true(take(left));
  make(left);
  file_sweep_leftovers(directory, 0);
  assert_false(take(left));
  for (int older_than_s = 0; older_than_s <= 60; older_than_s += 60) {
    make(left);
    touch_tomorrow(left);
    file_sweep_leftovers(directory, older_than_s);
    assert_false(take(left));
  }
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
    assert_true(take(others[i]));
  }
}

static void makes_directories_with_their_mode(void **state) {
  struct stat status;
  char *full = path_of("a/b/c");
  mode_t before = umask(077);
  assert_int_equal(file_make_directory(full, 0755), 0);
  assert_int_equal(file_make_directory(full, 0755), 0);
  (void)umask(before);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(stat(full, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0755);
    assert_int_equal(rmdir(full), 0);
    *strrchr(full, '/') = '\0';
  }
  assert_int_equal(file_make_directory("/dev/null/x", 0755), -ENOTDIR);
}

static void knows_whether_a_file_is_still_in_its_place(void **state) {
  char beside[FILE_BESIDE_BYTES];
  const char *full = path_of("place");
  int fd = file_replace_begin(full, 0600, 0, beside, NULL);
  assert_true(fd >= 0);
  assert_false(file_is_at(full, fd));
  assert_int_equal(file_write_all(fd, "x", 1), 0);
  assert_int_equal(file_replace_commit(full, beside, fd, 0, true, NULL), 0);
  assert_true(file_is_at(full, fd));
  assert_int_equal(file_replace(full, "y", 1, 0600, false, NULL), 0);
  assert_false(file_is_at(full, fd));
  assert_int_equal(unlink(full), 0);
  assert_int_equal(close(fd), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(writes_and_reads_back),
      cmocka_unit_test(reads_only_regular_files_of_a_bounded_size),
      cmocka_unit_test(leaves_the_old_file_when_it_fails),
      cmocka_unit_test(sets_aside),
      cmocka_unit_test(makes_directories_with_their_mode),
      cmocka_unit_test(knows_whether_a_file_is_still_in_its_place),
      cmocka_unit_test(sweeps_what_killed_writers_have_left),
  };
  return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

/* SPDX-License-Identifier: MIT */
/* trusted_path: what others could change is not run, what others could read is
 * no secret. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_util.h"
#include "core/trusted_path.h"

static char directory[64];
static char path[96];

static int begin(void **state) {
  (void)snprintf(directory, sizeof(directory), "/tmp/trusted.XXXXXX");
  if (mkdtemp(directory) == NULL) {
    return -1;
  }
  (void)snprintf(path, sizeof(path), "%s/file", directory);
  return file_replace(path, "open sesame \r\n", 14, 0700, false, NULL);
}

static int end(void **state) {
  (void)unlink(path);
  return rmdir(directory);
}

static void expect_program(int expected, const char *reason) {
  struct error error = {{0}};
  assert_int_equal(trusted_path_check_program(path, &error), expected);
  if (reason != NULL) {
    assert_non_null(strstr(error.text, reason));
  }
}

static void a_program_of_ours_is_trusted(void **state) {
  expect_program(0, NULL);
  struct error error = {{0}};
  assert_int_equal(trusted_path_check_program("/bin/sh", &error), 0);
}

static void a_program_that_others_can_write_is_not(void **state) {
  assert_int_equal(chmod(path, 0702), 0);
  expect_program(-EPERM, "can be written by others: chmod go-w");
  assert_int_equal(chmod(path, 0600), 0);
  expect_program(-EACCES, "is not a program: chmod +x");
}

static void nor_is_one_in_a_directory_that_others_can_write(void **state) {
  assert_int_equal(chmod(directory, 0777), 0);
  expect_program(-EPERM, "can be written by others: chmod go-w");
  assert_int_equal(chmod(directory, 01777), 0); /* as /tmp is */
  expect_program(0, NULL);
}

static void nor_one_of_another_user(void **state) {
  if (geteuid() != 0) {
    skip();
  }
  assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
  expect_program(-EPERM, "belongs to another user, who could change it: chown");
}

static void what_is_not_there_is_no_program(void **state) {
  struct error error = {{0}};
  assert_int_equal(trusted_path_check_program("/nowhere/x", &error), -ENOENT);
  assert_int_equal(trusted_path_check_program(directory, &error), -EACCES);
}

static void a_secret_is_read_without_white_space_at_its_end(void **state) {
  struct error error = {{0}};
  char *text = NULL;
  assert_int_equal(trusted_path_read_secret(path, false, &text, &error), 0);
  assert_string_equal(text, "open sesame");
  trusted_path_forget_secret(text);
  trusted_path_forget_secret(NULL);
}

static void what_everybody_may_read_is_none(void **state) {
  struct error error = {{0}};
  char *text = NULL;
  assert_int_equal(chmod(path, 0604), 0);
  assert_int_equal(trusted_path_read_secret(path, false, &text, &error),
                   -EPERM);
  assert_non_null(strstr(error.text, "can be read by others: chmod o-rwx"));
  assert_null(text);
  assert_int_equal(trusted_path_read_secret(path, true, &text, &error), 0);
  trusted_path_forget_secret(text);
}

static void an_empty_or_odd_file_holds_none(void **state) {
  struct error error = {{0}};
  char *text = NULL;
  assert_int_equal(file_replace(path, " \n", 2, 0600, false, NULL), 0);
  assert_int_equal(trusted_path_read_secret(path, false, &text, &error),
                   -EINVAL);
  assert_int_equal(file_replace(path, "a\0b", 3, 0600, false, NULL), 0);
  assert_int_equal(trusted_path_read_secret(path, false, &text, &error),
                   -EINVAL);
  assert_int_equal(trusted_path_read_secret("/nowhere", false, &text, &error),
                   -ENOENT);
  assert_int_equal(trusted_path_read_secret(directory, true, &text, &error),
                   -EINVAL);
  assert_null(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_program_of_ours_is_trusted),
      TEST(a_program_that_others_can_write_is_not),
      TEST(nor_is_one_in_a_directory_that_others_can_write),
      TEST(nor_one_of_another_user),
      TEST(what_is_not_there_is_no_program),
      TEST(a_secret_is_read_without_white_space_at_its_end),
      TEST(what_everybody_may_read_is_none),
      TEST(an_empty_or_odd_file_holds_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

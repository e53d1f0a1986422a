/* SPDX-License-Identifier: MIT */
/* trusted_path: what others could change is not run, what others could read is
 * no secret. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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
  assert_int_equal(trusted_path_find_program(path, NULL, &error), expected);
  if (reason != NULL) {
    assert_non_null(strstr(error.text, reason));
  }
}

static void a_program_of_ours_is_trusted(void **state) {
  expect_program(0, NULL);
  struct error error = {{0}};
  assert_int_equal(trusted_path_find_program("/bin/sh", NULL, &error), 0);
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
  assert_int_equal(trusted_path_find_program("/nowhere/x", NULL, &error),
                   -ENOENT);
  assert_int_equal(trusted_path_find_program(directory, NULL, &error), -EACCES);
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

/* ---- other users ---- */

enum { NOBODY = 65534 };

/* A directory below ours that belongs to another user; "file" in it is ours.
 */
static char foreign[80];

/* A name in that directory; valid until the next call but one. */
static const char *in_foreign(const char *name) {
  static char names[2][96];
  static size_t next;
  next = 1 - next;
  (void)snprintf(names[next], sizeof(names[next]), "%s/%s", foreign, name);
  return names[next];
}

static int begin_foreign(void **state) {
  int code = begin(state);
  (void)snprintf(foreign, sizeof(foreign), "%s/foreign", directory);
  if (code != 0 || geteuid() != 0) {
    return code;
  }
  return mkdir(foreign, 0755) != 0 || chown(foreign, NOBODY, NOBODY) != 0 ||
                 chmod(directory, 0755) != 0 || chmod(path, 0600) != 0
             ? -1
             : 0;
}

static int end_foreign(void **state) {
  char command[128];
  (void)snprintf(command, sizeof(command), "rm -rf %s", foreign);
  return system(command) != 0 ? -1 : end(state);
}

/* Makes a link of nobody's. */
static void make_foreign_link(const char *target, const char *name) {
  assert_int_equal(symlink(target, in_foreign(name)), 0);
  assert_int_equal(lchown(in_foreign(name), NOBODY, NOBODY), 0);
}

static void skip_unless_root(void) {
  if (geteuid() != 0) {
    skip();
  }
}

static void links_that_others_can_change_lead_to_no_program(void **state) {
  skip_unless_root();
  struct error error = {{0}};
  assert_int_equal(symlink("/bin/true", in_foreign("hook")), 0);
  assert_int_equal(trusted_path_find_program(in_foreign("hook"), NULL, &error),
                   -EPERM);
  assert_non_null(strstr(error.text, "foreign belongs to another user"));
  assert_int_equal(chown(foreign, 0, 0), 0);
  assert_int_equal(trusted_path_find_program(in_foreign("hook"), NULL, &error),
                   0);
  make_foreign_link("/bin/true", "theirs");
  assert_int_equal(
      trusted_path_find_program(in_foreign("theirs"), NULL, &error), -EPERM);
  assert_non_null(strstr(error.text, "chown -h root"));
}

static void nor_to_what_we_read_or_write(void **state) {
  skip_unless_root();
  struct error error = {{0}};
  char *text = NULL;
  size_t bytes = 0;
  make_foreign_link(directory, "link");
  make_foreign_link(path, "last");
  assert_int_equal(
      file_read(in_foreign("link/file"), 99, &text, &bytes, &error), -ELOOP);
  assert_non_null(strstr(error.text, "\"link\" can be changed by others"));
  assert_int_equal(file_read(in_foreign("last"), 99, &text, &bytes, &error),
                   -ELOOP);
  assert_int_equal(
      file_replace(in_foreign("link/x"), "x", 1, 0600, false, &error), -ELOOP);
  assert_int_equal(
      trusted_path_read_secret(in_foreign("last"), true, &text, &error),
      -ELOOP);
  assert_int_equal(file_make_directory(in_foreign("link/new"), 0755), -ELOOP);
  file_sweep_leftovers(in_foreign("link"), 0);
  /* Of ours, in a directory of ours, it is an administrator's. */
  assert_int_equal(chown(foreign, 0, 0), 0);
  assert_int_equal(lchown(in_foreign("last"), 0, 0), 0);
  assert_int_equal(
      trusted_path_read_secret(in_foreign("last"), true, &text, &error), 0);
  trusted_path_forget_secret(text);
}

static void a_second_name_is_not_written_to(void **state) {
  assert_int_equal(chmod(path, 0600), 0);
  char second[96];
  (void)snprintf(second, sizeof(second), "%s/second", directory);
  assert_int_equal(link(path, second), 0);
  assert_int_equal(
      trusted_path_open(second, TRUSTED_PATH_GIVEN, O_WRONLY, 0, NULL),
      -EMLINK);
  assert_int_equal(unlink(second), 0);
  int fd = trusted_path_open(path, TRUSTED_PATH_GIVEN, O_WRONLY, 0, NULL);
  assert_true(fd >= 0);
  (void)close(fd);
}

static void
a_log_of_another_user_leads_to_no_private_file_of_ours(void **state) {
  skip_unless_root();
  make_foreign_link(path, "log");
  assert_int_equal(trusted_path_open_log(in_foreign("log")), -EPERM);
  assert_int_equal(chmod(path, 0644), 0); /* anybody may read it */
  int fd = trusted_path_open_log(in_foreign("log"));
  assert_true(fd >= 0);
  (void)close(fd);
  assert_int_equal(chmod(path, 0600), 0);
  assert_int_equal(chown(path, NOBODY, NOBODY), 0);
  fd = trusted_path_open_log(in_foreign("log"));
  assert_true(fd >= 0);
  (void)close(fd);
  assert_int_equal(unlink(in_foreign("log")), 0);
  make_foreign_link("/dev/zero", "log");
  assert_int_equal(trusted_path_open_log(in_foreign("log")), -EINVAL);
}

static void a_secret_of_another_user_or_group_is_none(void **state) {
  skip_unless_root();
  struct error error = {{0}};
  char *text = NULL;
  assert_int_equal(chmod(path, 0640), 0);
  assert_int_equal(chown(path, 0, NOBODY), 0);
  assert_int_equal(trusted_path_read_secret(path, false, &text, &error),
                   -EPERM);
  assert_non_null(strstr(error.text, "can be read by others: chmod go-rwx"));
  assert_int_equal(chown(path, NOBODY, 0), 0);
  assert_int_equal(trusted_path_read_secret(path, false, &text, &error),
                   -EPERM);
  assert_non_null(strstr(error.text, "belongs to another user: chown root"));
  assert_int_equal(chown(path, 0, 0), 0); /* root's own group */
  assert_int_equal(trusted_path_read_secret(path, false, &text, &error), 0);
  trusted_path_forget_secret(text);
}

/* Nobody exchanges the directory "sw" with a link to a file of ours, as often
 * as it can, while the directory is made again and again. */
static void a_race_changes_no_file_of_ours(void **state) {
  skip_unless_root();
  struct stat status;
  make_foreign_link(path, "l");
  pid_t child = fork();
  if (child == 0) {
    bool is_nobody =
        chdir(foreign) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0;
    while (is_nobody) {
      (void)renameat2(AT_FDCWD, "sw", AT_FDCWD, "l", RENAME_EXCHANGE);
    }
    _exit(EXIT_FAILURE);
  }
  for (int i = 0; i < 20000; i++) {
    (void)file_make_directory(in_foreign("sw"), 0755);
    (void)file_replace(in_foreign("sw/one"), "x", 1, 0644, false, NULL);
    (void)unlink(in_foreign("sw/one"));
    (void)rmdir(in_foreign("sw"));
  }
  (void)kill(child, SIGKILL);
  assert_int_equal(waitpid(child, NULL, 0), child);
  assert_int_equal(stat(path, &status), 0);
  assert_int_equal(status.st_mode & 07777, 0600);
  assert_int_equal(status.st_size, 14);
}

#define FOREIGN(name)                                                          \
  cmocka_unit_test_setup_teardown(name, begin_foreign, end_foreign)
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
      TEST(a_second_name_is_not_written_to),
      FOREIGN(links_that_others_can_change_lead_to_no_program),
      FOREIGN(nor_to_what_we_read_or_write),
      FOREIGN(a_log_of_another_user_leads_to_no_private_file_of_ours),
      FOREIGN(a_secret_of_another_user_or_group_is_none),
      FOREIGN(a_race_changes_no_file_of_ours),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

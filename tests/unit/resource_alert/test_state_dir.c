/* SPDX-License-Identifier: MIT */
/* state_dir: the identity is made once, and one daemon at a time has the
 * directory; and whose a switch is. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_util.h"
#include "resource_alert/actions/switch_store.h"
#include "resource_alert/state_dir.h"

static char directory[64];
static char file[96];

static int make_directory(void **state) {
  (void)state;
  (void)snprintf(directory, sizeof(directory), "/tmp/unit-state-dir.XXXXXX");
  bool is_made = mkdtemp(directory) != NULL;
  (void)snprintf(file, sizeof(file), "%s/identity", directory);
  return is_made ? 0 : -1;
}

static int remove_directory(void **state) {
  (void)state;
  (void)unlink(file);
  return rmdir(directory);
}

static void drop_line(void *context, enum log_level level, const char *line) {
  (void)context, (void)level, (void)line;
}

static const struct log_sink quiet = {.write = drop_line};

static void the_identity_outlives_the_name(void **state) {
  (void)state;
  struct state_dir *dir = state_dir_open(directory, "old", &quiet);
  char identity[STATE_DIR_IDENTITY_BYTES];
  (void)snprintf(identity, sizeof(identity), "%s", state_dir_identity(dir));
  assert_int_equal(strlen(identity), 32);
  assert_null(state_dir_holder(dir));
  state_dir_close(dir);
  dir = state_dir_open(directory, "new", &quiet);
  assert_string_equal(state_dir_identity(dir), identity);
  state_dir_close(dir);
}

static void a_second_daemon_learns_who_was_first(void **state) {
  (void)state;
  char expected[64];
  (void)snprintf(expected, sizeof(expected), "first, process %ld",
                 (long)getpid());
  struct state_dir *first = state_dir_open(directory, "first", &quiet);
  struct state_dir *second = state_dir_open(directory, "second", &quiet);
  assert_string_equal(state_dir_holder(second), expected);
  state_dir_close(second);
  state_dir_close(first);
  second = state_dir_open(directory, "second", &quiet);
  assert_null(state_dir_holder(second));
  state_dir_close(second);
}

static void half_an_identity_is_made_anew(void **state) {
  (void)state;
  assert_int_equal(file_replace(file, "0123abc", 7, 0640, false, NULL), 0);
  struct state_dir *dir = state_dir_open(directory, "host", &quiet);
  assert_int_equal(strlen(state_dir_identity(dir)), 32);
  state_dir_close(dir);
}

static void a_link_is_not_followed(void **state) {
  (void)state;
  assert_int_equal(symlink("elsewhere", file), 0);
  struct state_dir *dir = state_dir_open(directory, "host", &quiet);
  assert_null(state_dir_identity(dir));
  assert_null(state_dir_holder(dir));
  state_dir_close(dir);
  assert_int_equal(unlink(file), 0);
  assert_int_equal(rmdir(directory), 0); /* nothing else is in it */
  assert_int_equal(mkdir(directory, 0700), 0);
}

/* ---- whose a switch is ---- */

static bool is_ours(const char *held, const char *own) {
  json_t *value = json_loads(own, 0, NULL);
  bool answer = switch_store_is_ours(held, value, NULL) == 1;
  json_decref(value);
  return answer;
}

/* As jansson reads an own switch when an allocation fails within a string. */
static void a_switch_that_is_cut_is_nobody_elses(void **state) {
  (void)state;
  json_t *value = json_pack("{s:s}", "owner", "1/r");
  struct error error = {{0}};
  assert_int_equal(
      switch_store_is_ours("{\"owner\":\"\",\"cut\":\"1/r\"}", value, &error),
      -ENOMEM);
  assert_int_equal(switch_store_is_ours("{\"response\":", value, &error),
                   -ENOMEM);
  assert_non_null(strstr(error.text, "out of memory"));
  json_decref(value);
}

static void a_switch_is_known_by_its_owner(void **state) {
  (void)state;
  const char *own = "{\"owner\":\"1/r\",\"who\":\"new\",\"response\":\"r\"}";
  assert_true(
      is_ours("{\"owner\":\"1/r\",\"who\":\"old\",\"response\":\"r\"}", own));
  assert_false(
      is_ours("{\"owner\":\"2/r\",\"who\":\"new\",\"response\":\"r\"}", own));
  assert_true(is_ours("{\"who\":\"new\",\"response\":\"r\"}", own));
  assert_true(
      is_ours("{\"owner\":\"new/r\",\"who\":\"new\",\"response\":\"r\"}", own));
  assert_false(is_ours("{\"who\":\"old\",\"response\":\"r\"}", own));
}

static void what_names_nobody_is_a_persons(void **state) {
  (void)state;
  const char *own = "{\"owner\":\"1/r\",\"who\":\"h\",\"response\":\"r\"}";
  assert_false(is_ours("", own));
  assert_false(is_ours("{}", own));
  assert_false(is_ours("[]", own));
  assert_false(is_ours("{\"who\":\"h\"}", own));
  assert_false(is_ours("{\"owner\":1,\"who\":\"h\"}", own));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_identity_outlives_the_name,
                                      make_directory, remove_directory),
      cmocka_unit_test_setup_teardown(a_second_daemon_learns_who_was_first,
                                      make_directory, remove_directory),
      cmocka_unit_test_setup_teardown(half_an_identity_is_made_anew,
                                      make_directory, remove_directory),
      cmocka_unit_test_setup_teardown(a_link_is_not_followed, make_directory,
                                      remove_directory),
      cmocka_unit_test(a_switch_is_known_by_its_owner),
      cmocka_unit_test(a_switch_that_is_cut_is_nobody_elses),
      cmocka_unit_test(what_names_nobody_is_a_persons),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

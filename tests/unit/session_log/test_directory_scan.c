/* SPDX-License-Identifier: MIT */
/* directory_scan: the files of a log, and what a scan costs. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory_fixture.h"
#include "session_log/tail/directory_scan.h"

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);

static int opened; /* directories */

DIR *__wrap_opendir(const char *path) {
  opened++;
  return __real_opendir(path);
}

static void knows_the_names_of_rotation(void **state) {
  (void)state;
  static const struct {
    const char *live, *name;
    bool is_rotated;
  } cases[] = {
      {"app.log", "app.log.1", true},
      {"app.log", "app.log.12", true},
      {"app.log", "app.log-20240131", true},
      {"app.log", "app.log.2024-01-31_10", true},
      {"app.log", "app.log-20240131-1706695200", true},
      {"app.log", "app.log.old", true},
      {"app.log", "app.log~", true},
      {"app.log", "app-20240131.log", true},
      {"app.log", "app.2024-01-31_00-00-00_000000.log", true},
      {"app.log", "app.1.log", true},
      {"app.log", "app.log", false},
      {"app.log", "app.log.lock", false},
      {"app.log", "app.log.swp", false},
      {"app.log", "app.audit.log", false},
      {"app.log", "app-worker.log", false},
      {"app.log", "apps.log.1", false},
      {"app.log", "app.log.", false},
      {"messages", "messages-20240131", true},
      {"messages", "messages.1", true},
      {"messages", "messages2", false},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    if (directory_scan_is_rotated_name(cases[i].live, cases[i].name) !=
        cases[i].is_rotated) {
      fail_msg("%s -> %s", cases[i].live, cases[i].name);
    }
  }
  assert_true(directory_scan_is_compressed("app.log.2.gz"));
  assert_true(directory_scan_is_compressed("app.log.zst"));
  assert_false(directory_scan_is_compressed("app.log.1"));
  assert_false(directory_scan_is_compressed(".gz"));
}

#define LIVE 20

static void unmake(const char *name) {
  assert_int_equal(unlink(path_of(name)), 0);
}

static const struct directory_scan_item *find(const struct directory_scan *scan,
                                              const char *name) {
  for (size_t i = 0; i < scan->len; i++) {
    if (strcmp(scan->items[i].path, path_of(name)) == 0) {
      return &scan->items[i];
    }
  }
  return NULL;
}

static bool is_listed(const struct directory_scan *scan, const char *name,
                      bool is_live) {
  const struct directory_scan_item *found = find(scan, name);
  return found != NULL && found->is_live == is_live;
}

/* Many live files, a link to one elsewhere, and one that is away. */
static void each_directory_is_read_once(void **state) {
  (void)state;
  char name[32];
  char gone[128];
  const char *const missing[] = {gone};
  struct directory_scan scan = {0};
  (void)snprintf(directory, sizeof(directory), "/tmp/scan.XXXXXX");
  assert_non_null(mkdtemp(directory));
  (void)snprintf(gone, sizeof(gone), "%s", path_of("gone.log"));
  assert_int_equal(mkdir(path_of("elsewhere"), 0755), 0);
  assert_int_equal(symlink("elsewhere/true.log", path_of("link.log")), 0);
  static const char *const others[] = {"elsewhere/true.log",
                                       "elsewhere/true.log.1",
                                       "elsewhere/other.log.1",
                                       "3.log.1",
                                       "4-20240131.log",
                                       "gone.log.1",
                                       "99.log.1",
                                       "5.log.lock",
                                       "6.log.2.gz"};
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
    append(others[i], "");
  }
  for (int i = 0; i < LIVE; i++) {
    (void)snprintf(name, sizeof(name), "%d.log", i);
    append(name, "");
  }
  assert_int_equal(directory_scan_add_pattern(&scan, path_of("*.log")), 0);
  assert_int_equal(directory_scan_add_pattern(&scan, gone), -ENOENT);
  opened = 0;
  assert_int_equal(directory_scan_add_rotated(&scan, missing, 1), 0);
  assert_int_equal(opened, 2);
  assert_true(is_listed(&scan, "link.log", true));
  assert_true(is_listed(&scan, "elsewhere/true.log.1", false));
  assert_null(find(&scan, "elsewhere/other.log.1"));
  assert_true(is_listed(&scan, "3.log.1", false));
  assert_true(is_listed(&scan, "4-20240131.log", true)); /* by the pattern */
  assert_true(is_listed(&scan, "gone.log.1", false));
  assert_null(find(&scan, "99.log.1")); /* nobody's */
  assert_int_equal(scan.len, LIVE + 5);
  directory_scan_fini(&scan);
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
    unmake(others[i]);
  }
  for (int i = 0; i < LIVE; i++) {
    (void)snprintf(name, sizeof(name), "%d.log", i);
    unmake(name);
  }
  unmake("link.log");
  assert_int_equal(rmdir(path_of("elsewhere")), 0);
  assert_int_equal(rmdir(directory), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(knows_the_names_of_rotation),
      cmocka_unit_test(each_directory_is_read_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

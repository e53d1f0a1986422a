/* SPDX-License-Identifier: MIT */
/* directory_scan: the files of a log, and what a scan costs. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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
      {"app.log", "app.log-2026113014.backup", true},
      {"app.log", "app.log.1.backup", true},
      {"app.log", "app-20261130.log.backup", true},
      {"app.log", "app.log-2026113014", true},
      {"app.log", "app.log.backup", true},
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
  assert_true(directory_scan_is_compressed("app.log.1.tar"));
  assert_true(directory_scan_is_compressed("app.log.tgz"));
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
    if (strcmp(scan->items[i]->path, path_of(name)) == 0) {
      return scan->items[i];
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

static void make_directory(void) {
  (void)snprintf(directory, sizeof(directory), "/tmp/scan.XXXXXX");
  assert_non_null(mkdtemp(directory));
}

static void set_directory_time(int64_t seconds) {
  const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
  assert_int_equal(utimensat(AT_FDCWD, directory, times, 0), 0);
}

/* At SECONDS: the patterns, then the rotated files. */
static void scan_at(struct directory_scan *scan, int64_t seconds) {
  char plain[128];
  char pattern[128];
  const char *const paths[] = {plain, pattern};
  (void)snprintf(plain, sizeof(plain), "%s", path_of("app.log"));
  (void)snprintf(pattern, sizeof(pattern), "%s", path_of("w*.log"));
  directory_scan_begin(scan, seconds * 1000, seconds * 1000000000);
  opened = 0;
  assert_int_equal(directory_scan_add_pattern(scan, plain), 0);
  (void)directory_scan_add_pattern(scan, pattern);
  assert_int_equal(directory_scan_add_rotated(scan, paths, 2), 0);
}

static void a_directory_is_read_again_when_it_has_changed(void **state) {
  (void)state;
  struct directory_scan scan = {0};
  make_directory();
  append("app.log", "");
  append("w1.log", "");
  append("app.log.1", "");
  set_directory_time(1000);
  scan_at(&scan, 1001); /* may change within the same tick */
  assert_int_equal(opened, 2);
  scan_at(&scan, 1010);
  assert_int_equal(opened, 2);
  scan_at(&scan, 1011);
  assert_int_equal(opened, 0);
  assert_int_equal(scan.len, 3);
  append("w2.log", "");
  append("app.log.2", "");
  set_directory_time(1012);
  scan_at(&scan, 1020);
  assert_int_equal(opened, 2);
  assert_int_equal(scan.len, 5);
  append("w2.log", "more"); /* not the directory's business */
  unmake("app.log.1");
  set_directory_time(1012); /* a file system that keeps no times */
  scan_at(&scan, 1021);
  assert_int_equal(opened, 0);
  assert_int_equal(scan.len, 4); /* but what is gone is gone */
  assert_int_equal(find(&scan, "w2.log")->status.size, 4);
  append("app.log.3", "");
  set_directory_time(1012);
  scan_at(&scan, 1080);
  assert_int_equal(opened, 2);
  assert_int_equal(scan.len, 5);
  assert_int_equal(unlink(path_of("app.log")), 0);
  append("app.log", ""); /* the same name, another file */
  set_directory_time(1012);
  scan_at(&scan, 1081);
  assert_int_equal(scan.len, 5);
  directory_scan_fini(&scan);
  static const char *const names[] = {"app.log", "w1.log", "w2.log",
                                      "app.log.2", "app.log.3"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    unmake(names[i]);
  }
  assert_int_equal(rmdir(directory), 0);
}

static int64_t used_ms(void) {
  struct timespec used;
  assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
  return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* Quadratic, this takes seconds. */
static void many_files_cost_milliseconds(void **state) {
  (void)state;
  static const char *const forms[] = {"app.log.%d", "w%d.log"};
  for (size_t form = 0; form < 2; form++) {
    struct directory_scan scan = {0};
    char name[32];
    make_directory();
    append("app.log", "");
    int here = open(directory, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 40000; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
      (void)snprintf(name, sizeof(name), forms[form], i);
#pragma GCC diagnostic pop
      assert_int_equal(mknodat(here, name, S_IFREG | 0600, 0), 0);
    }
    set_directory_time(1000);
    int64_t before_ms = used_ms();
    scan_at(&scan, 1010);
    assert_in_range(used_ms() - before_ms, 0, 1000);
    assert_int_equal(scan.len, DIRECTORY_SCAN_MAX);
    assert_true(scan.is_full);
    assert_true(is_listed(&scan, "app.log", true));
    before_ms = used_ms();
    scan_at(&scan, 1020);
    print_message("%s: %d ms\n", forms[form], (int)(used_ms() - before_ms));
    assert_in_range(used_ms() - before_ms, 0, 100);
    assert_int_equal(scan.len, DIRECTORY_SCAN_MAX);
    assert_true(scan.is_full);
    directory_scan_fini(&scan);
    for (int i = 0; i < 40000; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
      (void)snprintf(name, sizeof(name), forms[form], i);
#pragma GCC diagnostic pop
      assert_int_equal(unlinkat(here, name, 0), 0);
    }
    assert_int_equal(close(here), 0);
    unmake("app.log");
    assert_int_equal(rmdir(directory), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(knows_the_names_of_rotation),
      cmocka_unit_test(each_directory_is_read_once),
      cmocka_unit_test(a_directory_is_read_again_when_it_has_changed),
      cmocka_unit_test(many_files_cost_milliseconds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

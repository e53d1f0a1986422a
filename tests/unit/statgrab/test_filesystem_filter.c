/* SPDX-License-Identifier: MIT */
/* filesystem_filter: which file systems are reported, their names and values.
 */
#include <stdlib.h>
#include <string.h>

#include "statgrab/emitter_recorder.h"
#include "statgrab/filesystem_filter.h"
#include "statgrab/metrics.h"

static const struct {
  const char *device, *type, *name;
} machine[] = {
    {"rootfs", "rootfs", "/"},
    {"proc", "proc", "/proc"},
    {"/dev/vda", "ext4", "/"},
    {"tmpfs", "tmpfs", "/run"},
    {"/dev/vdb", "xfs", "/srv/data"},
    {"/dev/vdb", "xfs", "/mnt"}, /* bound there as well */
    {"server:/x", "nfs4", "/home"},
    {"/dev/loop0", "squashfs", "/snap/core/1"},
    {"overlay", "overlay", "/var/lib/docker/overlay2/1/merged"},
    {"/dev/vdc", "ext4", "/srv"},
    {"/dev/vdd", "ext4", "/srv"}, /* hides the one before */
};

static void fill(struct stats_mount_table *table) {
  for (size_t i = 0; i < sizeof(machine) / sizeof(machine[0]); i++) {
    assert_non_null(stats_mount_add(table, machine[i].device, machine[i].type,
                                    machine[i].name, ""));
  }
}

/* wanted: the names that are selected, in order, each followed by a blank. */
static void assert_selected(const struct df_options *options,
                            const char *wanted) {
  struct stats_mount_table table = {0};
  struct filesystem_filter filter;
  struct filesystem *items;
  size_t len;
  struct error error = {{0}};
  char names[1024] = "";
  fill(&table);
  assert_int_equal(filesystem_filter_init(&filter, options, &error), 0);
  assert_int_equal(
      filesystem_filter_list_selected(&filter, &table, &items, &len, &error),
      0);
  for (size_t i = 0; i < len; i++) {
    size_t used = strlen(names);
    (void)snprintf(names + used, sizeof(names) - used, "%s ", items[i].name);
  }
  assert_string_equal(names, wanted);
  free(items);
  filesystem_filter_fini(&filter);
  stats_mount_table_fini(&table);
}

#define STRINGS(...)                                                           \
  {                                                                            \
    .items = (char *[]){__VA_ARGS__},                                          \
    .len = sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)                    \
  }

static char mnt[] = "/mnt", run[] = "/run", tmpfs[] = "tmpfs", ext4[] = "ext4",
            net[] = "/^nfs/", srv[] = "/^/srv/";

static void selects_what_can_fill_up(void **state) {
  (void)state;
  const struct df_options options = {0};
  assert_selected(&options, "home mnt root srv ");
}

static void includes_what_is_named(void **state) {
  (void)state;
  const struct df_options points = {.mount_points = STRINGS(mnt, run)};
  assert_selected(&points, "mnt run ");
  const struct df_options types = {.fs_types = STRINGS(tmpfs, ext4)};
  assert_selected(&types, "root run srv ");
  const struct df_options expression = {.mount_points = STRINGS(srv)};
  assert_selected(&expression, "srv srv-data ");
}

static void excludes_what_is_ignored(void **state) {
  (void)state;
  const struct df_options options = {.fs_types = STRINGS(net),
                                     .mount_points = STRINGS(srv),
                                     .ignore_selected = true};
  assert_selected(&options, "mnt root ");
}

/* Each has a value of its own, whatever is mounted beside it. */
static void names_that_look_alike_stay_apart(void **state) {
  (void)state;
  static const char *const alike[] = {"/srv/a/b", "/srv-a/b", "/srv-a-b",
                                      "/srv/a-b"};
  const struct df_options options = {0};
  struct stats_mount_table table = {0};
  struct filesystem_filter filter;
  struct filesystem *items;
  size_t len;
  for (size_t i = 0; i < 4; i++) {
    char device[] = "/dev/vd0";
    device[7] = (char)('a' + i);
    assert_non_null(stats_mount_add(&table, device, "ext4", alike[i], ""));
  }
  assert_int_equal(filesystem_filter_init(&filter, &options, NULL), 0);
  assert_int_equal(
      filesystem_filter_list_selected(&filter, &table, &items, &len, NULL), 0);
  assert_int_equal(len, 4);
  for (size_t i = 1; i < len; i++) {
    assert_true(strcmp(items[i - 1].name, items[i].name) < 0);
  }
  free(items);
  filesystem_filter_fini(&filter);
  stats_mount_table_fini(&table);
}

static void sends_psutils_percentages(void **state) {
  (void)state;
  const struct df_options options = {.report_inodes = true,
                                     .values_absolute = true,
                                     .values_percentage = true};
  /* 100 blocks, 60 free, 40 of them for users */
  const struct stats_usage stats = {.size = 100,
                                    .free = 60,
                                    .available = 40,
                                    .inodes = 10,
                                    .inodes_free = 4,
                                    .inodes_available = 4};
  struct emitter emitter = recording_emitter("df");
  metrics_send_filesystem(&stats, "root", &options, &emitter);
  assert_near(value("statgrab-df-root/percent-used"), 50);
  assert_near(value("statgrab-df-root/percent-free"), 50);
  assert_near(value("statgrab-df-root/df_complex-reserved"), 20);
  assert_near(value("statgrab-df-root/percent_bytes-free"), 40);
  assert_near(value("statgrab-df-root/percent_bytes-used"), 40);
  assert_near(value("statgrab-df-root/df_inodes-used"), 6);
  assert_near(value("statgrab-df-root/percent_inodes-free"), 40);
}

static void sends_nothing_without_a_size(void **state) {
  (void)state;
  const struct df_options options = {.report_inodes = true,
                                     .values_absolute = true};
  const struct stats_usage nothing = {0};
  struct emitter emitter = recording_emitter("df");
  metrics_send_filesystem(&nothing, "proc", &options, &emitter);
  assert_int_equal(samples_len, 0);
}

/* A server that counts less in all than free. */
static void adds_up_whatever_is_claimed(void **state) {
  (void)state;
  const struct df_options options = {.values_absolute = true};
  const struct stats_usage stats = {.size = 10, .free = 20, .available = 30};
  struct emitter emitter = recording_emitter("df");
  metrics_send_filesystem(&stats, "odd", &options, &emitter);
  assert_near(value("statgrab-df-odd/percent-used"), 0);
  assert_near(value("statgrab-df-odd/df_complex-used"), 0);
}

/* A container's root is an overlay, a chroot's is no mount at all. */
static void always_reports_the_root(void **state) {
  (void)state;
  static const char *const types[] = {"overlay", "tmpfs", "rootfs"};
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    const struct df_options options = {0};
    struct stats_mount_table table = {0};
    struct filesystem_filter filter;
    struct filesystem *items;
    size_t len;
    assert_non_null(stats_mount_add(&table, "none", types[i], "/", ""));
    assert_int_equal(filesystem_filter_init(&filter, &options, NULL), 0);
    assert_int_equal(
        filesystem_filter_list_selected(&filter, &table, &items, &len, NULL),
        0);
    assert_int_equal(len, 1);
    free(items);
    filesystem_filter_fini(&filter);
    stats_mount_table_fini(&table);
  }
}

static void knows_types(void **state) {
  (void)state;
  static const char *const known[] = {"9p",    "ext4",       "zonefs", "autofs",
                                      "udf",   "fuse.sshfs", "/^x/",   "nfs4",
                                      "tmpfs", "squashfs",   "fat",    "xfs"};
  static const char *const unknown[] = {"xsf", "", "ext5", "EXT4", "/(/"};
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
    assert_int_equal(filesystem_filter_check_type(known[i], NULL), 0);
  }
  for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
    assert_true(filesystem_filter_check_type(unknown[i], NULL) < 0);
  }
}

static void knows_what_may_hang(void **state) {
  (void)state;
  assert_true(filesystem_filter_may_hang("nfs4") &&
              filesystem_filter_may_hang("fuse.sshfs") &&
              filesystem_filter_may_hang("9p") &&
              filesystem_filter_may_hang("virtiofs"));
  assert_false(
      filesystem_filter_may_hang("ext4") || filesystem_filter_may_hang("zfs") ||
      filesystem_filter_may_hang("tmpfs") || filesystem_filter_may_hang("xfs"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(selects_what_can_fill_up),
      cmocka_unit_test(includes_what_is_named),
      cmocka_unit_test(excludes_what_is_ignored),
      cmocka_unit_test(names_that_look_alike_stay_apart),
      cmocka_unit_test(sends_psutils_percentages),
      cmocka_unit_test(sends_nothing_without_a_size),
      cmocka_unit_test(always_reports_the_root),
      cmocka_unit_test(knows_types),
      cmocka_unit_test(knows_what_may_hang),
      cmocka_unit_test(adds_up_whatever_is_claimed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

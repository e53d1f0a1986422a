/* SPDX-License-Identifier: MIT */
/* source_libstatgrab: libstatgrab as a source, on the machine that runs the
 * test; the only source of other systems. */
#include "statgrab/source.h"

#include <errno.h>
#include <mntent.h>
#include <pthread.h>
#include <statgrab.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "statgrab/emitter_recorder.h"
#include "statgrab/filesystems.h"
#include "statgrab/stats.h"

static const struct source *const source = &source_libstatgrab;
static struct stats all;

static int set_up(void **state) {
  (void)state;
  stats_init(&all);
  return source_libstatgrab_init(NULL) == 0 ||
                 source_libstatgrab_init(NULL) == -EIO
             ? 0
             : -1;
}

static int tear_down(void **state) {
  (void)state;
  source_libstatgrab_fini();
  stats_fini(&all);
  return 0;
}

static void knows_the_machine(void **state) {
  (void)state;
  assert_int_equal(source->read[STATS_MEMORY](&all, NULL), 0);
  assert_true(all.memory.total > 0 && all.memory.available <= all.memory.total);
  assert_true(all.memory.swap_free <= all.memory.swap_total);
  assert_int_equal(source->read[STATS_CPU](&all, NULL), 0);
  assert_true(all.cpu.online >= 1 && all.cpu.online != STATS_UNKNOWN);
  assert_true(all.cpu.all.states[CPU_IDLE] > 0);
  assert_int_equal(source->read[STATS_LOAD](&all, NULL), 0);
  assert_true(all.load.minutes[0] >= 0);
  assert_int_equal(source->read[STATS_UPTIME](&all, NULL), 0);
  assert_true(all.uptime_s > 0);
  assert_int_equal(source->read[STATS_USERS](&all, NULL), 0);
}

/* sg_get_process_count_r() of 0.92 crashes; we count ourselves. */
static void counts_processes(void **state) {
  (void)state;
  assert_int_equal(source->read[STATS_PROCESSES](&all, NULL), 0);
  uint64_t sum = 0;
  for (size_t i = 0; i < PROCESS_STATES; i++) {
    sum +=
        all.processes.states[i] == STATS_UNKNOWN ? 0 : all.processes.states[i];
  }
  assert_true(all.processes.count >= 2);
  assert_int_equal(sum, all.processes.count);
}

static void knows_devices_and_links(void **state) {
  (void)state;
  assert_int_equal(source->read[STATS_INTERFACES](&all, NULL), 0);
  assert_non_null(stats_interface_add(&all.interfaces, "not there", 9));
  assert_int_equal(source->read[STATS_LINKS](&all, NULL), 0);
  bool has_loopback = false;
  for (size_t i = 0; i < all.interfaces.len; i++) {
    const struct stats_interface *row = &all.interfaces.rows[i];
    has_loopback |= strcmp(row->name, "lo") == 0 && row->is_up <= 1;
    assert_int_not_equal(row->speed_bits_per_s, 0);
  }
  assert_true(has_loopback);
  assert_int_equal(all.interfaces.rows[all.interfaces.len - 1].is_up,
                   STATS_UNKNOWN);
  assert_int_equal(source->read[STATS_DISKS](&all, NULL), 0);
  assert_int_equal(source->read[STATS_PAGING](&all, NULL), 0);
}

/* An empty list is NULL, and no error. */
static void an_empty_list_is_no_error(void **state) {
  (void)state;
  const char *none[] = {"nosuchtype", NULL};
  struct stats_mount_table table = {0};
  assert_int_equal(sg_set_valid_filesystems(none), SG_ERROR_NONE);
  assert_int_equal(source->read_mounts(NULL, &table, NULL), 0);
  assert_int_equal(table.len, 0);
  stats_mount_table_fini(&table);
}

static void discard_log_line(void *context, enum log_level level,
                             const char *line) {
  (void)context;
  (void)level;
  (void)line;
}

/* Not so in a bare chroot. */
static bool root_is_mounted(void) {
  bool found = false;
  FILE *mounts = setmntent("/proc/self/mounts", "r");
  for (struct mntent *row; mounts != NULL && (row = getmntent(mounts));) {
    found = found || strcmp(row->mnt_dir, "/") == 0;
  }
  if (mounts != NULL) {
    (void)endmntent(mounts);
  }
  return found;
}

/* As on a system that has no driver: listing and asking in one. */
static void reads_file_systems(void **state) {
  (void)state;
  if (!root_is_mounted()) {
    skip();
  }
  struct emitter emitter = recording_emitter("df");
  const struct df_options options = {.values_absolute = true};
  const struct log_sink nobody = {.write = discard_log_line};
  struct filesystems *fs = NULL;
  struct error error = {{0}};
  assert_int_equal(
      filesystems_new(&options, source, NULL, &emitter, &nobody, &fs, &error),
      0);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(
        filesystems_collect(fs, clock_monotonic_ms() + 10000, &error), 0);
  }
  assert_true(value("statgrab-df-root/percent-used") > 0);
  assert_true(value("statgrab-df-root/df_complex-free") > 0);
  assert_int_equal(filesystems_stop(fs, clock_monotonic_ms() + 10000), 0);
}

/* Its plain functions keep results per thread; ours are read from any. */
static char failure;

static void *hammer(void *context) {
  (void)context;
  for (int i = 0; i < 20; i++) {
    struct stats own;
    stats_init(&own);
    struct stats_mount_table mounts = {0};
    bool is_good = source->read[STATS_MEMORY](&own, NULL) == 0 &&
                   source->read[STATS_CPU](&own, NULL) == 0 &&
                   source->read[STATS_INTERFACES](&own, NULL) == 0 &&
                   source->read[STATS_LINKS](&own, NULL) == 0 &&
                   source->read_mounts(NULL, &mounts, NULL) == 0;
    stats_fini(&own);
    stats_mount_table_fini(&mounts);
    if (!is_good) {
      return &failure;
    }
  }
  return NULL;
}

static void is_read_by_five_threads(void **state) {
  (void)state;
  pthread_t threads[5];
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, hammer, NULL), 0);
  }
  for (size_t i = 0; i < 5; i++) {
    void *result = NULL;
    assert_int_equal(pthread_join(threads[i], &result), 0);
    assert_null(result);
  }
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(knows_the_machine),       TEST(counts_processes),
      TEST(knows_devices_and_links), TEST(reads_file_systems),
      TEST(is_read_by_five_threads), TEST(an_empty_list_is_no_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

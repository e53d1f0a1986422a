/* SPDX-License-Identifier: MIT */
/* collect: libstatgrab as a source, on the machine that runs the test; what
 * other systems have to live on. */
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

static int set_up(void **state) {
  (void)state;
  return source_libstatgrab_init(NULL) == 0 ||
                 source_libstatgrab_init(NULL) == -EIO
             ? 0
             : -1;
}

static int tear_down(void **state) {
  (void)state;
  source_libstatgrab_fini();
  return 0;
}

static void knows_the_machine(void **state) {
  (void)state;
  struct stats_memory memory;
  struct stats_cpu cpu = {0};
  struct stats_load load;
  double uptime_s;
  uint64_t users;
  assert_int_equal(source->read_memory(NULL, &memory, NULL), 0);
  assert_true(memory.total > 0 && memory.available <= memory.total);
  assert_true(memory.swap_free <= memory.swap_total);
  assert_int_equal(source->read_cpu(NULL, &cpu, NULL), 0);
  assert_true(cpu.online >= 1 && cpu.online != STATS_UNKNOWN);
  assert_true(cpu.all.states[CPU_IDLE] > 0);
  assert_int_equal(source->read_load(NULL, &load, NULL), 0);
  assert_true(load.minutes_1 >= 0);
  assert_int_equal(source->read_uptime(NULL, &uptime_s, NULL), 0);
  assert_true(uptime_s > 0);
  assert_int_equal(source->read_users(NULL, &users, NULL), 0);
  stats_cpu_fini(&cpu);
}

/* sg_get_process_count_r() of 0.92 crashes; we count ourselves. */
static void counts_processes(void **state) {
  (void)state;
  struct stats_processes stats;
  assert_int_equal(source->read_processes(NULL, true, &stats, NULL), 0);
  uint64_t sum = 0;
  for (size_t i = 0; i < PROCESS_STATES; i++) {
    sum += stats.states[i] == STATS_UNKNOWN ? 0 : stats.states[i];
  }
  assert_true(stats.count >= 2);
  assert_int_equal(sum, stats.count);
}

static void knows_devices_and_links(void **state) {
  (void)state;
  struct stats_interface_table interfaces = {0};
  struct stats_disk_table disks = {0};
  struct stats_paging paging;
  assert_int_equal(source->read_interfaces(NULL, &interfaces, NULL), 0);
  assert_non_null(stats_interface_add(&interfaces, "not there", 9));
  assert_int_equal(source->read_links(NULL, &interfaces, NULL), 0);
  bool has_loopback = false;
  for (size_t i = 0; i < interfaces.len; i++) {
    const struct stats_interface *row = &interfaces.rows[i];
    has_loopback |= strcmp(row->name, "lo") == 0 && row->is_up <= 1;
    assert_int_not_equal(row->speed_bits_per_s, 0);
  }
  assert_true(has_loopback);
  assert_int_equal(interfaces.rows[interfaces.len - 1].is_up, STATS_UNKNOWN);
  assert_int_equal(source->read_disks(NULL, &disks, NULL), 0);
  assert_int_equal(source->read_paging(NULL, &paging, NULL), 0);
  stats_interface_table_fini(&interfaces);
  stats_disk_table_fini(&disks);
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
  struct emitter emitter = recording_emitter("df", false);
  const struct df_options options = {.values_absolute = true};
  const struct log_sink nobody = {.write = discard_log_line};
  struct filesystems *fs = NULL;
  struct error error = {{0}};
  assert_int_equal(
      filesystems_new(&options, source, "", &emitter, &nobody, &fs, &error), 0);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(filesystems_read(fs, clock_monotonic_ms() + 10000, &error),
                     0);
  }
  assert_true(value("statgrab-df-root/percent-used") > 0);
  assert_true(value("statgrab-df-root/df_complex-free") > 0);
  assert_int_equal(filesystems_free(fs, clock_monotonic_ms() + 10000), 0);
}

/* Its plain functions keep results per thread; ours are read from any. */
static char failure;

static void *hammer(void *context) {
  (void)context;
  for (int i = 0; i < 20; i++) {
    struct stats_memory memory;
    struct stats_cpu cpu = {0};
    struct stats_interface_table interfaces = {0};
    struct stats_mount_table mounts = {0};
    bool is_good = source->read_memory(NULL, &memory, NULL) == 0 &&
                   source->read_cpu(NULL, &cpu, NULL) == 0 &&
                   source->read_interfaces(NULL, &interfaces, NULL) == 0 &&
                   source->read_links(NULL, &interfaces, NULL) == 0 &&
                   source->read_mounts(NULL, &mounts, NULL) == 0;
    stats_cpu_fini(&cpu);
    stats_interface_table_fini(&interfaces);
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

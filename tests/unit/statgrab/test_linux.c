/* SPDX-License-Identifier: MIT */
/* linux: what the readers make of /proc and /sys, good, old and broken. */
#include "statgrab/linux/linux_read.h"

#include <math.h>
#include <utmp.h>

#include "statgrab/fake_root.h"
#include "statgrab/ignorelist.h"
#include "statgrab/source.h"
#include "statgrab/stats.h"

static struct stats all;
static struct error error;

static int set_up(void **state) {
  (void)state;
  fake_root_make();
  stats_init(&all);
  error.text[0] = '\0';
  struct source unused;
  return source_driver_new(fake_root, &unused, &all.driver, &error);
}

static int tear_down(void **state) {
  (void)state;
  source_driver_free(all.driver);
  stats_fini(&all);
  fake_root_remove();
  return 0;
}

static void reads_memory(void **state) {
  (void)state;
  fake_file("/proc/meminfo", "MemTotal:  100 kB\nMemFree: 40 kB\n"
                             "MemAvailable: 60 kB\nBuffers: 2 kB\n"
                             "Cached: 7 kB\nSwapCached: 1 kB\n"
                             "SwapTotal: 9 kB\n");
  assert_int_equal(linux_read_memory(&all, &error), 0);
  assert_int_equal(all.memory.total, 102400);
  assert_int_equal(all.memory.available, 61440);
  assert_int_equal(all.memory.cached, 7168);
  assert_int_equal(all.memory.swap_cached, 1024);
  assert_int_equal(all.memory.swap_free, STATS_UNKNOWN);
  fake_file("/proc/meminfo", "MemTotal: 100 kB\nMemFree: 40 kB\n"
                             "Buffers: 2 kB\nCached: 9 kB\n");
  assert_int_equal(linux_read_memory(&all, &error), 0);
  assert_int_equal(all.memory.available, 49 * 1024);
}

/* Each is refused with the file's name, and read again once it is mended. */
static void refuses_broken_files(void **state) {
  (void)state;
  static const char *const broken[] = {
      "",
      "\n\n\n",
      "MemTotal",
      "MemTotal: kB",
      "MemTotal: 0 kB\nMemFree: 1 kB",
      "MemTotal: 99999999999999999999999 kB\nMemFree: 1 kB\n",
      "MemTotal: -5 kB\nMemFree: 1 kB\n",
      "\xff\xfe\x80",
      "MemTotal: 100 kB\n",
      "MemTotal: 100 kB\nMemFree: 1 kB\nBuffers: x kB\nCached: 1 kB\n",
      "MemTotal: 100 kB\nMemFree: 1 kB\nBuffers: 1 kB\nCached: 1 kB\nSlab",
      "MemTotal: 100 kB\nMemFree: 1 kB\nBuffers: 1 kB\nCached: 1"};
  for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
    fake_file("/proc/meminfo", broken[i]);
    assert_true(linux_read_memory(&all, &error) < 0);
    assert_non_null(strstr(error.text, "/proc/meminfo: "));
  }
  fake_file("/proc/meminfo", "MemTotal: 100 kB\nMemFree: 40 kB\n"
                             "Buffers: 1 kB\nCached: 1 kB\n");
  assert_int_equal(linux_read_memory(&all, &error), 0);
}

static void expect_error(int code, const char *text) {
  assert_int_equal(code, -EBADMSG);
  assert_non_null(strstr(error.text, text));
}

/* What is garbage is named, and costs nothing but itself. */
static void reads_the_good_lines_of_a_bad_file(void **state) {
  (void)state;
  fake_file("/proc/stat", "cpu  1 2 3 4\ncpu0 1 2 3 4\ncpu1 1 \xff\n"
                          "intr x\nctxt 77\nprocesses 5\n");
  expect_error(linux_read_cpu(&all, &error), "/proc/stat: line 3 is malformed");
  assert_int_equal(all.cpu.online, 1);
  assert_int_equal(all.cpu.interrupts, STATS_UNKNOWN);
  assert_int_equal(all.cpu.context_switches, 77);
  fake_file("/proc/stat", "cpu  1 2 3 4\nctxt 77\nprocesses 5\n");
  expect_error(linux_read_cpu(&all, &error), "has no intr");
  fake_file("/proc/vmstat", "pgpgin 1\npgfault 2\npgmajfault 3\n");
  expect_error(linux_read_paging(&all, &error), "has no pgpgout");
  assert_int_equal(all.paging.faults, 2);
  fake_file("/proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n"
                               "8 1 sdb 1 2 3 4 5 6 7 8 9 10 1");
  expect_error(linux_read_disks(&all, &error), "line 2");
  assert_int_equal(all.disks.len, 1);
}

static void names_the_missing_file(void **state) {
  (void)state;
  assert_int_equal(linux_read_cpu(&all, &error), -ENOENT);
  assert_non_null(strstr(error.text, "/proc/stat: No such file"));
}

static void reads_the_whole_cpu_line(void **state) {
  (void)state;
  fake_file("/proc/stat", "cpu  1 2 3 4 5 6 7 8 9 10\n"
                          "cpu0 1 2 3 4 5 6 7 8 9 10\ncpu3 1 2 3 4\n"
                          "intr 1571233 0 0 1\nctxt 77\nprocesses 5\n");
  assert_int_equal(linux_read_cpu(&all, &error), 0);
  assert_int_equal(all.cpu.online, 2);
  assert_int_equal(all.cpu.all.states[CPU_STEAL], 8);
  assert_int_equal(all.cpu.all.states[CPU_GUEST_NICE], 10);
  assert_int_equal(all.cpu.each[1].number, 3);
  assert_int_equal(all.cpu.each[1].ticks.states[CPU_IDLE], 4);
  assert_int_equal(all.cpu.each[1].ticks.states[CPU_WAIT], STATS_UNKNOWN);
  assert_int_equal(all.cpu.interrupts, 1571233);
  assert_int_equal(all.cpu.context_switches, 77);
  assert_int_equal(all.cpu.forks, 5);
}

/* 4096 processors make a file that is larger than any first buffer. */
static void reads_a_very_large_file(void **state) {
  (void)state;
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  assert_non_null(file);
  (void)fprintf(file, "cpu  1 2 3 4\n");
  for (int i = 0; i < 4096; i++) {
    (void)fprintf(file, "cpu%d 100000 200000 300000 400000 5 6 7 8 9 10\n", i);
  }
  (void)fprintf(file, "intr 1\nctxt 2\nprocesses 3\n");
  assert_int_equal(fclose(file), 0);
  fake_bytes("/proc/stat", text, bytes);
  free(text);
  assert_int_equal(linux_read_cpu(&all, &error), 0);
  assert_int_equal(all.cpu.online, 4096);
}

static void reads_disks(void **state) {
  (void)state;
  fake_file("/proc/diskstats",
            "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 0 0 0 0 0 0\n"
            " 259       0 nvme0n1 1 2\n" /* half a line */
            " 104       0 cciss!c0d0 1 2 3 4 5 6 7 8 9 10 11\n");
  expect_error(linux_read_disks(&all, &error), "line 2");
  assert_int_equal(all.disks.len, 2);
  assert_string_equal(all.disks.rows[1].name, "cciss!c0d0");
  assert_int_equal(all.disks.rows[0].read_bytes, 3 * 512);
  assert_int_equal(all.disks.rows[0].write_ops, 5);
  assert_int_equal(all.disks.rows[0].weighted_ms, 11);
}

static void reads_interfaces(void **state) {
  (void)state;
  fake_file("/proc/1/net/dev",
            "Inter-|   Receive\n face |bytes\n"
            "  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
            "\xff\"x'y:100 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
            " :1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n  short: 1 2 3\n");
  expect_error(linux_read_interfaces(&all, &error), "line 5");
  assert_int_equal(all.interfaces.len, 2);
  assert_string_equal(all.interfaces.rows[0].name, "eth0");
  assert_int_equal(all.interfaces.rows[0].tx_dropped, 12);
  assert_int_equal(all.interfaces.rows[0].collisions, 14);
  assert_string_equal(all.interfaces.rows[1].name, "\xff\"x'y");
  assert_int_equal(all.interfaces.rows[1].rx_bytes, 100);
}

static void reads_mounts(void **state) {
  (void)state;
  struct stats_mount_table table = {0};
  fake_file("/proc/1/mountinfo",
            "27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
            "30 27 0:44 /a\\040b /mnt/new\\012line\\134\\011x rw shared:5 "
            "master:2 propagate_from:7 - nfs4 srv:/a\\040b rw,vers=4.2\n"
            "31 27 0:45 / /bad\\9 rw - tmpfs  rw\n");
  assert_int_equal(linux_read_mounts(all.driver, &table, &error), 0);
  assert_int_equal(table.len, 3);
  assert_int_equal(table.rows[0].id, 27);
  assert_string_equal(table.rows[0].path, fake_root);
  assert_string_equal(table.rows[0].device, "/dev/sda1");
  assert_string_equal(table.rows[1].type, "nfs4");
  assert_string_equal(table.rows[1].device, "srv:/a b");
  assert_string_equal(table.rows[1].name, "/mnt/new\nline\\\tx");
  assert_string_equal(table.rows[2].name, "/bad\\9");
  assert_string_equal(table.rows[2].type, "tmpfs"); /* of no device */
  uint64_t generation = table.generation;
  assert_int_equal(linux_read_mounts(all.driver, &table, &error), 0);
  assert_int_equal(table.generation, generation); /* nothing has changed */
  fake_file("/proc/1/mountinfo", "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                                 "28 27 0:5 / /half rw shared:2\n");
  expect_error(linux_read_mounts(all.driver, &table, &error), "line 2");
  expect_error(linux_read_mounts(all.driver, &table, &error), "line 2");
  assert_int_not_equal(table.generation, generation);
  assert_int_equal(table.len, 1);
  fake_file("/proc/1/mountinfo", "22 27 0:21 / /proc rw - proc proc rw\n");
  assert_int_equal(linux_read_mounts(all.driver, &table, &error),
                   0); /* a chroot */
  assert_int_equal(table.len, 2);
  assert_string_equal(table.rows[1].name, "/");
  stats_mount_table_fini(&table);
}

static void reads_processes(void **state) {
  (void)state;
  fake_file("/proc/self/stat", "");
  assert_int_equal(linux_read_processes(&all, &error), -ENODEV);
  assert_non_null(strstr(error.text, "/proc: has no processes"));
  fake_file("/proc/1/stat", "1 (init) S 0 1 1 0 -1 4 9 9 9 9 9 9 9 9 20 0 1 0");
  fake_file("/proc/22/stat", /* a name that looks like the rest of the line */
            "22 (a) R 1 (b\n) D 0 1 1 0 -1 4 9 9 9 9 9 9 9 9 20 0 64 0");
  fake_file("/proc/333/stat", "333 (gone");
  fake_file("/proc/444/nothing", "");
  assert_int_equal(linux_read_processes(&all, &error), 0);
  assert_int_equal(all.processes.count, 4);
  assert_int_equal(all.processes.states[PROCESS_SLEEPING], 1);
  assert_int_equal(all.processes.states[PROCESS_BLOCKED], 1);
  assert_int_equal(all.processes.states[PROCESS_RUNNING], 0);
  assert_int_equal(all.processes.threads, 65);
}

static void reads_small_files(void **state) {
  (void)state;
  fake_file("/proc/loadavg", "0.25 12.50 100.05 1/83 4711\n");
  assert_int_equal(linux_read_load(&all, &error), 0);
  assert_true(fabs(all.load.minutes[2] - 100.05) < 1e-9);
  fake_file("/proc/loadavg", "0.25 12.50 100.0"); /* cut */
  assert_int_equal(linux_read_load(&all, &error), -EBADMSG);
  fake_file("/proc/uptime", "3465.12 6000.00\n");
  assert_int_equal(linux_read_uptime(&all, &error), 0);
  assert_true(fabs(all.uptime_s - 3465.12) < 1e-9);
  fake_file("/proc/sys/fs/file-nr", "726\t0\t2466177\n");
  assert_int_equal(linux_read_handles(&all, &error), 0);
  assert_int_equal(all.handles.max, 2466177);
}

static void counts_users(void **state) {
  (void)state;
  all.users = 7;
  assert_int_equal(linux_read_users(&all, &error), 0);
  assert_int_equal(all.users, 0); /* no utmp: nobody */
  struct utmp entries[4] = {{.ut_type = BOOT_TIME},
                            {.ut_type = USER_PROCESS, .ut_user = "a"},
                            {.ut_type = DEAD_PROCESS, .ut_user = "b"},
                            {.ut_type = USER_PROCESS, .ut_user = "c"}};
  fake_bytes("/run/utmp", entries, sizeof(entries) - 1);
  assert_int_equal(linux_read_users(&all, &error), 0);
  assert_int_equal(all.users, 1); /* the last one is cut */
  fake_bytes("/run/utmp", entries, sizeof(entries));
  assert_int_equal(linux_read_users(&all, &error), 0);
  assert_int_equal(all.users, 2);
}

static void reads_pressure(void **state) {
  (void)state;
  assert_int_equal(linux_read_pressure(&all, &error), -ENOENT);
  fake_file("/proc/pressure/cpu",
            "some avg10=0.07 avg60=0.65 avg300=4.64 total=208369241\n");
  fake_file("/proc/pressure/memory",
            "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n"
            "full avg10=5.00 avg60=6.00 avg300=7.00 total=8\n");
  fake_file("/proc/pressure/io", "some avg10=");
  expect_error(linux_read_pressure(&all, &error), "pressure/io");
  assert_int_equal(all.pressure.lines[PRESSURE_IO][0].total_us, STATS_UNKNOWN);
  assert_int_equal(all.pressure.lines[PRESSURE_MEMORY][1].total_us, 8);
  fake_file("/proc/pressure/io",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  assert_int_equal(linux_read_pressure(&all, &error), 0);
  assert_true(fabs(all.pressure.lines[PRESSURE_CPU][0].percent[2] - 4.64) <
              1e-9);
  assert_int_equal(all.pressure.lines[PRESSURE_CPU][0].total_us, 208369241);
  assert_int_equal(all.pressure.lines[PRESSURE_CPU][1].total_us, STATS_UNKNOWN);
  assert_int_equal(all.pressure.lines[PRESSURE_MEMORY][1].total_us, 8);
}

static void finds_the_limits(void **state) {
  (void)state;
  fake_file("/proc/self/cgroup", "0::/a.slice/b.service\n");
  fake_file("/sys/fs/cgroup/a.slice/memory.max", "1000000\n");
  fake_file("/sys/fs/cgroup/a.slice/memory.current", "600000\n");
  fake_file("/sys/fs/cgroup/a.slice/memory.stat",
            "anon 1\ninactive_file 100000\nactive_file 7\n");
  fake_file("/sys/fs/cgroup/a.slice/b.service/memory.max", "max\n");
  fake_file("/sys/fs/cgroup/a.slice/cpu.max", "max 100000\n");
  fake_file("/sys/fs/cgroup/a.slice/b.service/cpu.max", "150000 100000\n");
  fake_file("/sys/fs/cgroup/a.slice/b.service/cpu.stat",
            "usage_usec 9\nnr_throttled 3\nthrottled_usec 4500\n");
  assert_int_equal(linux_read_cgroup(&all, &error), 0);
  assert_int_equal(all.cgroup.memory_limit, 1000000);
  assert_int_equal(all.cgroup.memory_used, 500000);
  assert_true(fabs(all.cgroup.cpu_quota - 1.5) < 1e-9);
  assert_int_equal(all.cgroup.throttled, 3);
  assert_int_equal(all.cgroup.throttled_us, 4500);
}

/* Without a cgroup namespace the path is the machine's; the mount is ours.
 * Lines of version 1 are ignored. */
static void finds_the_limits_of_a_container_without_a_namespace(void **state) {
  (void)state;
  fake_file("/proc/self/cgroup", "4:memory:/docker/123\n"
                                 "2:cpuacct,cpu:/docker/123\n");
  fake_file("/sys/fs/cgroup/memory.max", "5000\n");
  fake_file("/sys/fs/cgroup/memory.current", "3000\n");
  fake_file("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  assert_int_equal(linux_read_cgroup(&all, &error), 0);
  assert_int_equal(all.cgroup.memory_limit, STATS_UNKNOWN);
  assert_true(isnan(all.cgroup.cpu_quota));
  fake_file("/proc/self/cgroup", "4:memory:/docker/123\n0::/docker/123\n");
  assert_int_equal(linux_read_cgroup(&all, &error), 0);
  assert_int_equal(all.cgroup.memory_limit, 5000);
  assert_int_equal(all.cgroup.memory_used, 3000);
  assert_true(fabs(all.cgroup.cpu_quota - 0.5) < 1e-9);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

/* ---- control groups of units and containers ---- */

#define POD                                                                    \
  "/kubepods.slice/kubepods-pod01234567_89ab_cdef_0123_456789abcdef.slice"
#define CONTAINER POD "/cri-containerd-0123456789abcdef.scope"

static void fake_group(const char *group, const char *file, const char *text) {
  char path[512];
  (void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", group, file);
  fake_file(path, text);
}

static const struct stats_group *find_group(const char *name) {
  for (size_t i = 0; i < all.groups.len; i++) {
    if (strcmp(all.groups.rows[i].name, name) == 0) {
      return &all.groups.rows[i];
    }
  }
  fail_msg("%s was not found", name);
  return NULL;
}

static void reads_named_groups(void **state) {
  (void)state;
  char unit[] = "/system.slice/trading.service";
  char pods[] = "/pod0123/";
  char *names[] = {unit, pods};
  const struct option_strings strings = {names, 2};
  struct ignorelist selected = {0};
  assert_int_equal(ignorelist_init(&selected, &strings, &error), 0);
  all.groups.selected = &selected;
  all.groups.pod_names = "/var/log/pods";
  fake_group("", "cgroup.controllers", "cpu memory pids\n");
  fake_group("/other.slice", "memory.max", "5\n");
  fake_group(unit, "memory.max", "max\n");
  fake_group(unit, "memory.high", "1000\n");
  fake_group(unit, "memory.current", "900\n");
  fake_group(unit, "memory.stat", "anon 1\ninactive_file 100\n");
  fake_group(unit, "memory.events", "low 0\noom 2\noom_kill 3\n");
  fake_group(unit, "memory.pressure",
             "some avg10=9.00 avg60=8.00 avg300=7.00 total=1\n"
             "full avg10=3.00 avg60=2.50 avg300=1.00 total=1\n");
  fake_group(unit, "pids.max", "100\n");
  fake_group(unit, "pids.current", "25\n");
  fake_group(unit, "cpu.max", "50000 100000\n");
  fake_group(unit, "cpu.stat",
             "nr_periods 10\nnr_throttled 2\nthrottled_usec 5000\n");
  fake_group(POD, "memory.max", "4000\n"); /* the pod's, for its container */
  fake_group(POD, "memory.current", "1000\n");
  fake_group(CONTAINER, "memory.max", "max\n");
  fake_file("/var/log/pods/shop_api-7_01234567-89ab-cdef-0123-456789abcdef/x",
            "");
  assert_int_equal(linux_read_groups(&all, &error), 0);
  assert_int_equal(all.groups.len, 3);
  const struct stats_group *row = find_group("system.slice-trading.service");
  assert_int_equal(row->memory.limit, 1000);
  assert_int_equal(row->memory_used, 800);
  assert_int_equal(row->oom_kills, 3);
  assert_int_equal(row->pids_used, 25);
  assert_int_equal(row->throttled_us, 5000);
  assert_true(fabs(row->memory_pressure - 2.5) < 1e-9);
  row = find_group("shop_api-7_0123456789ab");
  assert_int_equal(row->memory.limit, 4000);
  assert_int_equal(row->memory_used, 1000);
  assert_int_equal(row->oom_kills, STATS_UNKNOWN);
  assert_int_equal(find_group("shop_api-7")->memory.limit, 4000);
  all.groups.scanned_ms -= 60000; /* the counters outlive the next walk */
  fake_group(unit, "cpu.stat",
             "nr_periods 30\nnr_throttled 12\nthrottled_usec 9000\n");
  assert_int_equal(linux_read_groups(&all, &error), 0);
  row = find_group("system.slice-trading.service");
  assert_int_equal(row->periods_before, 10);
  assert_int_equal(row->throttled - row->throttled_before, 10);
  ignorelist_fini(&selected);
}

static void reports_that_there_are_no_groups(void **state) {
  (void)state;
  assert_int_equal(linux_read_groups(&all, &error), -ENOENT);
  assert_non_null(strstr(error.text, "no control groups of version 2"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(reads_memory),
      TEST(refuses_broken_files),
      TEST(reads_the_good_lines_of_a_bad_file),
      TEST(names_the_missing_file),
      TEST(reads_the_whole_cpu_line),
      TEST(reads_a_very_large_file),
      TEST(reads_disks),
      TEST(reads_interfaces),
      TEST(reads_mounts),
      TEST(reads_processes),
      TEST(reads_small_files),
      TEST(counts_users),
      TEST(reads_pressure),
      TEST(finds_the_limits),
      TEST(reads_named_groups),
      TEST(reports_that_there_are_no_groups),
      TEST(finds_the_limits_of_a_container_without_a_namespace),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

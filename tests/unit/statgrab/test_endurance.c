/* SPDX-License-Identifier: MIT */
/* endurance: ten thousand rounds leave nothing behind, on this machine and on
 * one where something breaks all the time. */
#include <dirent.h>
#include <malloc.h>
#include <sys/types.h>

#include "core/clock.h"
#include "statgrab/collectors.h"
#include "statgrab/fake_root.h"
#include "statgrab/source.h"

#define ROUNDS 10000

static size_t samples;

static void count(void *context, const struct sample *sample) {
  (void)context;
  samples += sample->values_len;
}

static const struct sample_sink sink = {.put = count};

static void discard_log_line(void *context, enum log_level level,
                             const char *line) {
  (void)context;
  (void)level;
  (void)line;
}

static size_t open_files(void) {
  size_t files = 0;
  DIR *directory = opendir("/proc/self/fd");
  assert_non_null(directory);
  while (readdir(directory) != NULL) {
    files++;
  }
  (void)closedir(directory);
  return files;
}

static struct statgrab_options options;
static struct collectors *collectors;

static void open_reader(const char *root) {
  const struct log_sink log = {.write = discard_log_line};
  struct error error = {{0}};
  assert_int_equal(option_init(&statgrab_options, &options), 0);
  assert_int_equal(statgrab_options_add_default_blocks(&options), 0);
  free(options.root);
  options.root = strdup(root);
  assert_non_null(options.root);
  assert_int_equal(collectors_new(&options, &sink, &log, &collectors, &error),
                   0);
}

static void close_reader(void) {
  assert_int_equal(collectors_stop(collectors, clock_monotonic_ms() + 10000),
                   0);
  option_fini(&statgrab_options, &options);
}

static void nothing(int round) { (void)round; }

static void rounds(int from, int to, void (*before)(int round)) {
  for (int i = from; i < to; i++) {
    before(i);
    collectors_collect_groups(collectors, 0);
    collectors_collect_filesystems(collectors, 0, clock_monotonic_ms() + 10000);
  }
}

/* After the first ones neither files nor memory grow. */
static void assert_flat(void (*before)(int round)) {
  rounds(0, 100, before);
  size_t files = open_files();
  size_t bytes = mallinfo2().uordblks;
  size_t samples_before = samples;
  rounds(100, 100 + ROUNDS, before);
  assert_true(samples > samples_before + (size_t)ROUNDS * 20);
  assert_int_equal(open_files(), files);
  /* devices and mounts may have come while we read */
  assert_true(mallinfo2().uordblks < bytes + 64 * 1024);
}

/* Looking into every process would take minutes of the kernel's time, and is
 * done below. */
static void leaves_nothing_behind(void **state) {
  (void)state;
  (void)source_libstatgrab_init(NULL);
  open_reader("");
  assert_flat(nothing);
  close_reader();
  source_libstatgrab_fini();
}

/* Every round a file is garbage, good again, or tells of another mount. */
static void break_something(int round) {
  static const char *const good[] = {
      "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n28 27 0:9 / /proc rw - nfs a rw\n",
      "MemTotal: 9 kB\nMemFree: 4 kB\nBuffers: 1 kB\nCached: 1 kB\n",
      "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n",
      "cpu  1 2 3 4\ncpu0 1 2 3 4\nintr 1\nctxt 2\nprocesses 3\n",
  };
  static const char *const bad[] = {
      "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n29 27 0:9 / /proc rw - nfs a rw\n",
      "MemTotal: garbage", "8 0 sda 1 2\n\xff", ""};
  static const char *const paths[] = {"/proc/1/mountinfo", "/proc/meminfo",
                                      "/proc/diskstats", "/proc/stat"};
  int file = round % 4;
  fake_file(paths[file], round / 4 % 2 == 0 ? good[file] : bad[file]);
}

static void leaves_nothing_behind_of_what_breaks(void **state) {
  (void)state;
  fake_root_make();
  for (int i = 1; i <= 10; i++) {
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", i);
    fake_file(path, "2 (a) S 1 1 1 0 -1 4 1 1 1 1 1 1 1 1 20 0 2 0\n");
  }
  fake_file("/proc/loadavg", "1 2 3\n");
  fake_file("/proc/1/net/dev", "lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
  fake_file("/proc/self/cgroup", "0::/\n");
  fake_file("/sys/fs/cgroup/memory.max", "1000\n");
  open_reader(fake_root);
  assert_flat(break_something);
  close_reader();
  fake_root_remove();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(leaves_nothing_behind),
      cmocka_unit_test(leaves_nothing_behind_of_what_breaks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* endurance: ten thousand rounds on this machine leave nothing behind. */
#include <dirent.h>
#include <malloc.h>
#include <sys/types.h>

#include "core/deadline.h"
#include "statgrab/collect.h"
#include "statgrab/reader.h"
#include "unit.h"

#define ROUNDS 10000

static size_t samples;

static void count(void *context, const struct sample *sample) {
  (void)context;
  samples += sample->values_len;
}

static struct sample_sink sink_of(const char *plugin) {
  (void)plugin;
  return (struct sample_sink){.put = count};
}

static void say_nothing(void *context, enum report_level level,
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

static void round_of(struct reader *reader, int i) {
  reader_read(reader, 0);
  if (i % 10 == 0) { /* each hands over to another thread and back */
    reader_read_file_systems(reader, 0, monotonic_ms() + 10000);
  }
}

static void leaves_nothing_behind(void **state) {
  (void)state;
  struct statgrab_options options;
  struct reader *reader = NULL;
  struct error error = {{0}};
  const struct report_sink log = {.say = say_nothing};
  (void)collect_init(NULL);
  assert_int_equal(option_init(&statgrab_options, &options), 0);
  assert_int_equal(statgrab_options_complete(&options), 0);
  /* looking into every process would take minutes and nothing of ours */
  ((struct processes_options *)options.processes.items)->report_by_state =
      false;
  assert_int_equal(reader_new(&options, sink_of, &log, &reader, &error), 0);
  for (int i = 0; i < 100; i++) {
    round_of(reader, i);
  }
  size_t files = open_files();
  size_t bytes = mallinfo2().uordblks;
  size_t samples_before = samples;
  for (int i = 0; i < ROUNDS; i++) {
    round_of(reader, i);
  }
  assert_true(samples > samples_before + (size_t)ROUNDS * 20);
  assert_int_equal(open_files(), files);
  /* devices and mounts may have come while we read */
  assert_true(mallinfo2().uordblks < bytes + 64 * 1024);
  assert_int_equal(reader_free(reader, monotonic_ms() + 10000), 0);
  option_fini(&statgrab_options, &options);
  collect_fini();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(leaves_nothing_behind)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

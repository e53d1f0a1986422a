/* SPDX-License-Identifier: MIT */
/* bench_statgrab_reading: what reading the system costs without collectd: the
 * part of a value's price that is ours. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/deadline.h"
#include "statgrab/collect.h"
#include "statgrab/options.h"
#include "statgrab/reader.h"

#define ROUNDS 2000

static void count(void *context, const struct sample *sample) {
  (void)sample;
  ++*(unsigned long *)context;
}

static unsigned long samples;

static struct sample_sink sink_of(const char *plugin) {
  (void)plugin;
  return (struct sample_sink){.put = count, .context = &samples};
}

static void say_nothing(void *context, enum report_level level,
                        const char *line) {
  (void)context;
  (void)level;
  (void)line;
}

static double cpu_us(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void run(const char *group) {
  struct statgrab_options options;
  struct reader *reader = NULL;
  struct error error = {{0}};
  const struct report_sink log = {.say = say_nothing};
  if (option_init(&statgrab_options, &options) != 0 ||
      statgrab_options_complete(&options) != 0) {
    exit(EXIT_FAILURE);
  }
  char *items[] = {NULL};
  union {
    const char *name;
    char *item;
  } borrowed = {.name = group};
  items[0] = borrowed.item;
  options.collect = (struct option_strings){.items = items, .len = 1};
  if (reader_new(&options, sink_of, &log, &reader, &error) != 0) {
    exit(EXIT_FAILURE);
  }
  double before = 0;
  for (int i = -10; i < ROUNDS; i++) { /* the first ones open files */
    if (i == 0) {
      samples = 0;
      before = cpu_us();
    }
    if (group == statgrab_group_names[GROUP_DF]) {
      reader_read_file_systems(reader, 0, monotonic_ms() + 1000);
    } else {
      reader_read(reader, 0);
    }
  }
  printf("%s: reading %lu values\tus CPU\t%.1f\t-\n", group, samples / ROUNDS,
         (cpu_us() - before) / ROUNDS);
  (void)reader_free(reader, monotonic_ms() + 1000);
  options.collect = (struct option_strings){0};
  option_fini(&statgrab_options, &options);
}

int main(void) {
  (void)collect_init(NULL);
  for (size_t i = 0; i < GROUPS; i++) {
    run(statgrab_group_names[i]);
  }
  collect_fini();
  return EXIT_SUCCESS;
}

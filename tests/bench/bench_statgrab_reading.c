/* SPDX-License-Identifier: MIT */
/* bench_statgrab_reading: the CPU time of reading the system, without collectd.
 * Reading the processes takes the most time. It is compared with libstatgrab,
 * and with the minimum: the kernel's open, read and close. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "statgrab/collectors.h"
#include "statgrab/options.h"
#include "statgrab/source.h"

#define ROUNDS 2000

static void count(void *context, const struct sample *sample) {
  (void)sample;
  ++*(unsigned long *)context;
}

static unsigned long samples;

static const struct sample_sink sink = {.put = count};

static void discard_log_line(void *context, enum log_level level,
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

static void read_with_libstatgrab(int proc) {
  static struct stats stats;
  (void)proc;
  (void)source_libstatgrab.read[STATS_PROCESSES](&stats, NULL);
}

/* Nothing but what a process's state cannot be had without. */
static void only_read(int proc) {
  DIR *directory = fdopendir(dup(proc));
  if (directory == NULL) {
    exit(EXIT_FAILURE);
  }
  rewinddir(directory);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') {
      continue;
    }
    char path[sizeof(entry->d_name) + sizeof("/stat")];
    char text[1024];
    (void)snprintf(path, sizeof(path), "%s/stat", entry->d_name);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
      (void)!read(fd, text, sizeof(text));
      (void)close(fd);
    }
  }
  (void)closedir(directory);
}

static double cost_us(void (*once)(int proc)) {
  enum { TIMES = 300 };
  int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  once(proc);
  double before = cpu_us();
  for (int i = 0; i < TIMES; i++) {
    once(proc);
  }
  double cost = (cpu_us() - before) / TIMES;
  (void)close(proc);
  return cost;
}

/* Returns microseconds a reading. */
static double run(const char *group) {
  struct statgrab_options options;
  struct collectors *collectors = NULL;
  struct error error = {{0}};
  const struct log_sink log = {.write = discard_log_line};
  if (option_init(&statgrab_options, &options) != 0 ||
      statgrab_options_add_default_blocks(&options) != 0) {
    exit(EXIT_FAILURE);
  }
  char *items[] = {NULL};
  union {
    const char *name;
    char *item;
  } borrowed = {.name = group};
  items[0] = borrowed.item;
  options.collect = (struct option_strings){.items = items, .len = 1};
  if (collectors_new(&options, &sink, &log, &collectors, &error) != 0) {
    exit(EXIT_FAILURE);
  }
  double before = 0;
  for (int i = -10; i < ROUNDS; i++) { /* the first ones open files */
    if (i == 0) {
      samples = 0;
      before = cpu_us();
    }
    if (group == statgrab_group_names[GROUP_DF]) {
      collectors_collect_filesystems(collectors, 0,
                                     clock_monotonic_ms() + 1000);
    } else {
      collectors_collect_groups(collectors, 0);
    }
  }
  double cost = (cpu_us() - before) / ROUNDS;
  printf("%s: reading %lu values\tus CPU\t%.1f\t-\n", group, samples / ROUNDS,
         cost);
  (void)collectors_stop(collectors, clock_monotonic_ms() + 1000);
  options.collect = (struct option_strings){0};
  option_fini(&statgrab_options, &options);
  return cost;
}

int main(void) {
  (void)source_libstatgrab_init(NULL);
  for (size_t i = 0; i < GROUPS; i++) {
    double cost = run(statgrab_group_names[i]);
    if (i == GROUP_PROCESSES) {
      printf("processes, beside libstatgrab\tus CPU\t%.1f\t%.1f\n", cost,
             cost_us(read_with_libstatgrab));
      printf("processes, beside the kernel alone\tus CPU\t%.1f\t%.1f\n", cost,
             cost_us(only_read));
    }
  }
  source_libstatgrab_fini();
  return EXIT_SUCCESS;
}

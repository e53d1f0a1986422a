/* SPDX-License-Identifier: MIT */
/* fuzz_statgrab: any bytes as a file of /proc, from the reader to the values.
 * The first byte selects the file. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "statgrab/collectors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
  const char *path;
  enum statgrab_group group;
} files[] = {
    {"/proc/meminfo", GROUP_MEMORY},
    {"/proc/stat", GROUP_CPU},
    {"/proc/diskstats", GROUP_DISK},
    {"/proc/1/net/dev", GROUP_INTERFACE},
    {"/proc/1/mountinfo", GROUP_DF},
    {"/proc/1/stat", GROUP_PROCESSES},
    {"/proc/vmstat", GROUP_VMEM},
    {"/proc/loadavg", GROUP_LOAD},
    {"/proc/uptime", GROUP_UPTIME},
    {"/proc/sys/fs/file-nr", GROUP_FHCOUNT},
    {"/proc/pressure/cpu", GROUP_PRESSURE},
    {"/proc/self/cgroup", GROUP_CGROUP},
    {"/run/utmp", GROUP_USERS},
};

static const char *const directories[] = {
    "",          "/proc",        "/proc/1",        "/proc/1/net",
    "/proc/sys", "/proc/sys/fs", "/proc/pressure", "/proc/self",
    "/run",
};

static char root[64];
static struct statgrab_options options;
static struct collectors *collectors;

static void ignore(void *context, const struct sample *sample) {
  (void)context;
  if (sample->plugin_instance[0] == '/') {
    abort(); /* a name that would leave its directory */
  }
}

static const struct sample_sink sink = {.put = ignore};

static void discard_log_line(void *context, enum log_level level,
                             const char *line) {
  (void)context;
  (void)level;
  (void)line;
}

static const struct log_sink quiet_log = {.write = discard_log_line};

static void remove_root(void) {
  char path[256];
  (void)collectors_stop(collectors, 0);
  option_fini(&statgrab_options, &options);
  for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
    (void)snprintf(path, sizeof(path), "%s%s", root, files[i].path);
    (void)unlink(path);
  }
  for (size_t i = sizeof(directories) / sizeof(directories[0]); i > 0; i--) {
    (void)snprintf(path, sizeof(path), "%s%s", root, directories[i - 1]);
    (void)rmdir(path);
  }
}

static void make_root(void) {
  char path[256];
  struct error error;
  (void)snprintf(root, sizeof(root), "/dev/shm/fuzz_statgrab.%ld",
                 (long)getpid());
  for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
    (void)snprintf(path, sizeof(path), "%s%s", root, directories[i]);
    (void)mkdir(path, 0700);
  }
  if (option_init(&statgrab_options, &options) != 0 ||
      statgrab_options_add_default_blocks(&options) != 0) {
    abort();
  }
  ((struct cpu_options *)options.cpu.items)->report_by_cpu = true;
  free(options.root);
  options.root = strdup(root);
  options.collect = (struct option_strings){calloc(1, sizeof(char *)), 1};
  if (options.root == NULL || options.collect.items == NULL ||
      collectors_new(&options, &sink, &quiet_log, &collectors, &error) != 0) {
    abort();
  }
  (void)atexit(remove_root);
}

static void write_file(const char *name, const uint8_t *data, size_t size) {
  char path[256];
  (void)snprintf(path, sizeof(path), "%s%s", root, name);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
    abort();
  }
  (void)close(fd);
}

/* The filter and the names: no such file system exists. */
static void read_mounts(void) {
  struct collectors *fresh = NULL;
  struct error error;
  if (collectors_new(&options, &sink, &quiet_log, &fresh, &error) == 0) {
    int64_t deadline_ms = clock_monotonic_ms() + 1000;
    collectors_collect_filesystems(fresh, 0, deadline_ms);
    (void)collectors_stop(fresh, deadline_ms);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (root[0] == '\0') {
    make_root();
  }
  if (size == 0 || size > 65536) {
    return 0;
  }
  size_t chosen = data[0] % (sizeof(files) / sizeof(files[0]));
  write_file(files[chosen].path, data + 1, size - 1);
  if (files[chosen].group == GROUP_DF) {
    read_mounts();
    return 0;
  }
  const char *group = statgrab_group_names[files[chosen].group];
  free(options.collect.items[0]);
  options.collect.items[0] = strdup(group);
  if (options.collect.items[0] == NULL) {
    abort();
  }
  collectors_collect_groups(collectors, 0);
  return 0;
}

/* SPDX-License-Identifier: MIT */
/* linux_read: the driver for Linux: opens and reads files of /proc and splits
 * them into lines. */
#include "statgrab/linux/linux_read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No file that is read here is larger on a real machine: 4096 processors make
 * a /proc/stat of 1 MiB, 10,000 mounts a mountinfo of 2 MiB. */
#define FILE_MAX_BYTES ((size_t)16 << 20)

static const char *const linux_paths[LINUX_FILES] = {
    [LINUX_CGROUP] = "/proc/self/cgroup",
    [LINUX_DISKSTATS] = "/proc/diskstats",
    [LINUX_FILE_NR] = "/proc/sys/fs/file-nr",
    [LINUX_LOADAVG] = "/proc/loadavg",
    [LINUX_MEMINFO] = "/proc/meminfo",
    [LINUX_MOUNTINFO] = "/proc/self/mountinfo",
    [LINUX_NET_DEV] = "/proc/net/dev",
    [LINUX_PRESSURE + PRESSURE_CPU] = "/proc/pressure/cpu",
    [LINUX_PRESSURE + PRESSURE_MEMORY] = "/proc/pressure/memory",
    [LINUX_PRESSURE + PRESSURE_IO] = "/proc/pressure/io",
    [LINUX_STAT] = "/proc/stat",
    [LINUX_UPTIME] = "/proc/uptime",
    [LINUX_UTMP] = "/run/utmp",
    [LINUX_VMSTAT] = "/proc/vmstat",
};

/* ---- the driver ---- */

/* What libstatgrab lacks or gets wrong on Linux. */
static const struct source linux_source = {
    .read = {[STATS_CGROUP] = linux_read_cgroup,
             [STATS_CPU] = linux_read_cpu,
             [STATS_DISKS] = linux_read_disks,
             [STATS_GROUPS] = linux_read_groups,
             [STATS_HANDLES] = linux_read_handles,
             [STATS_INTERFACES] = linux_read_interfaces,
             [STATS_MEMORY] = linux_read_memory,
             [STATS_PAGING] = linux_read_paging,
             [STATS_PRESSURE] = linux_read_pressure,
             [STATS_PROCESSES] = linux_read_processes},
    .read_mounts = linux_read_mounts,
};

int source_driver_new(const char *root, struct source *ret_source,
                      struct source_driver **ret_driver, struct error *error) {
  struct source_driver *driver = malloc(sizeof(*driver));
  if (driver == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  *driver = (struct source_driver){.root = root};
  for (size_t i = 0; i < LINUX_FILES; i++) {
    driver->files[i] =
        (struct linux_read_file){.path = linux_paths[i], .fd = -1};
  }
  *ret_source = linux_source;
  *ret_driver = driver;
  if (root[0] != '\0') {
    /* "self" would still be this container's */
    driver->files[LINUX_MOUNTINFO].path = "/proc/1/mountinfo";
    driver->files[LINUX_NET_DEV].path = "/proc/1/net/dev";
    /* libstatgrab is right about these, but knows no other root directory */
    ret_source->read[STATS_LOAD] = linux_read_load;
    ret_source->read[STATS_UPTIME] = linux_read_uptime;
    ret_source->read[STATS_USERS] = linux_read_users;
  }
  return 0;
}

/* Closes the file and frees its text; it may be read again. */
static void close_and_free_file(struct linux_read_file *file) {
  if (file->fd >= 0) {
    (void)close(file->fd);
  }
  free(file->content.data);
  *file = (struct linux_read_file){.path = file->path, .fd = -1};
}

void source_driver_free(struct source_driver *driver) {
  if (driver == NULL) {
    return;
  }
  for (size_t i = 0; i < LINUX_FILES; i++) {
    close_and_free_file(&driver->files[i]);
  }
  free(driver->mounts.data);
  free(driver);
}

/* ---- files ---- */

/* Opens the file where it is not open. */
static int open_linux_file(struct linux_read_file *file, const char *root) {
  if (file->fd >= 0) {
    return 0;
  }
  char path[PATH_MAX];
  int length = snprintf(path, sizeof(path), "%s%s", root, file->path);
  if (length < 0 || (size_t)length >= sizeof(path)) {
    return -ENAMETOOLONG;
  }
  /* O_NONBLOCK: a FIFO below RootFS must not block. */
  file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  return file->fd >= 0 ? 0 : -errno;
}

int linux_read_text(struct source_driver *driver, enum linux_file file,
                    struct scan *ret_text, struct error *error) {
  struct linux_read_file *from = &driver->files[file];
  int code = open_linux_file(from, driver->root);
  if (code == 0) {
    code = file_read_again(from->fd, FILE_MAX_BYTES, &from->content);
  }
  if (code == 0 && from->content.bytes == 0) {
    code = -ENODATA;
  }
  if (code != 0) {
    close_and_free_file(from);
    return error_set(error, code, "%s%s: %s", driver->root, from->path,
                     code == -ENODATA ? "is empty" : strerror(-code));
  }
  const char *text = from->content.data;
  *ret_text = (struct scan){text, text + from->content.bytes};
  return 0;
}

int linux_read_fail_malformed(const struct source_driver *driver,
                              enum linux_file file, const char *lacks,
                              struct error *error) {
  return error_set(error, -EBADMSG, "%s%s: has no %s", driver->root,
                   driver->files[file].path, lacks);
}

/* ---- lines ---- */

int linux_read_parse_lines(const struct source_driver *driver,
                           enum linux_file file, struct scan text,
                           linux_read_line_fn *read_line, void *stats,
                           struct error *error) {
  struct scan line;
  unsigned number = 1;
  unsigned malformed = 0; /* the first such line */
  for (; scan_line(&text, &line); number++) {
    int code = read_line(&line, stats);
    if (code == -ENOMEM) {
      return code;
    }
    malformed = code != 0 && malformed == 0 ? number : malformed;
  }
  if (malformed == 0 && text.at < text.end) {
    malformed = number; /* the last line was cut */
  }
  return malformed == 0
             ? 0
             : error_set(error, -EBADMSG, "%s%s: line %u is malformed",
                         driver->root, driver->files[file].path, malformed);
}

int linux_read_lines(struct source_driver *driver, enum linux_file file,
                     linux_read_line_fn *read_line, void *stats,
                     struct error *error) {
  struct scan text;
  int code = linux_read_text(driver, file, &text, error);
  return code != 0 ? code
                   : linux_read_parse_lines(driver, file, text, read_line,
                                            stats, error);
}

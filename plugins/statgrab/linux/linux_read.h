/* SPDX-License-Identifier: MIT */
/* linux_read: what the readers of /proc and /sys share. Each reader is as
 * struct source documents it. */
#pragma once

#include <stdbool.h>

#include "core/error.h"
#include "core/file_util.h"
#include "statgrab/linux/scan.h"
#include "statgrab/source.h"

enum linux_file {
  LINUX_CGROUP,
  LINUX_DISKSTATS,
  LINUX_FILE_NR,
  LINUX_LOADAVG,
  LINUX_MEMINFO,
  LINUX_MOUNTINFO,
  LINUX_NET_DEV,
  LINUX_PRESSURE, /* one for each enum stats_pressure_resource */
  LINUX_STAT = LINUX_PRESSURE + PRESSURE_RESOURCES,
  LINUX_UPTIME,
  LINUX_UTMP,
  LINUX_VMSTAT,
  LINUX_FILES,
};

/* A file that stays open and is read again from its start each time, which
 * saves the path lookup. */
struct linux_read_file {
  const char *path;            /* below the root; borrowed */
  int fd;                      /* -1 while it is not open */
  struct file_content content; /* of the last read */
};

struct source_driver {
  const char *root; /* RootFS, "" for none; borrowed */
  struct linux_read_file files[LINUX_FILES];
  struct file_content mounts; /* what the mount table was made from */
};

source_read_fn linux_read_cgroup;
source_read_fn linux_read_cpu;
source_read_fn linux_read_disks;
source_read_fn linux_read_groups;
source_read_fn linux_read_handles;
source_read_fn linux_read_interfaces;
source_read_fn linux_read_load;
source_read_fn linux_read_memory;
source_read_fn linux_read_paging;
source_read_fn linux_read_pressure;
source_read_fn linux_read_processes;
source_read_fn linux_read_uptime;
source_read_fn linux_read_users;
int linux_read_mounts(struct source_driver *driver,
                      struct stats_mount_table *table, struct error *error);

/* Reads the whole file, opening it where it is not open. A file that fails is
 * closed, so that the next read tries again.
 * *ret_text: the content, valid until the next read; never empty.
 * Returns 0; -ENODATA for an empty file; -EFBIG; another negative errno. */
int linux_read_text(struct source_driver *driver, enum linux_file file,
                    struct scan *ret_text, struct error *error);

/* For a file that lacks what it must contain. Returns -EBADMSG. */
int linux_read_fail_malformed(const struct source_driver *driver,
                              enum linux_file file, const char *lacks,
                              struct error *error);

/* Reads one line into STATS. Returns 0, also for a line of no interest;
 * -EBADMSG for one that is cut or malformed; -ENOMEM. */
typedef int linux_read_line_fn(struct scan *line, void *stats);

/* Passes each line of TEXT, the content of FILE, to READ_LINE. Returns 0;
 * -EBADMSG where a line is malformed, the others are read; -ENOMEM. */
int linux_read_parse_lines(const struct source_driver *driver,
                           enum linux_file file, struct scan text,
                           linux_read_line_fn *read_line, void *stats,
                           struct error *error);

/* linux_read_text() and linux_read_parse_lines() in one. */
int linux_read_lines(struct source_driver *driver, enum linux_file file,
                     linux_read_line_fn *read_line, void *stats,
                     struct error *error);

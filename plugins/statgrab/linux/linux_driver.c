/* SPDX-License-Identifier: MIT */
/* linux_driver: Linux's own source, for what libstatgrab lacks or gets wrong
 * there. */
#include "statgrab/linux/linux_driver.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "statgrab/source.h"

/* libstatgrab is right about load, uptime, users and links. */
static const struct source own = {
    .read_cgroup = linux_read_cgroup,
    .read_cpu = linux_read_cpu,
    .read_disks = linux_read_disks,
    .read_handles = linux_read_handles,
    .read_interfaces = linux_read_interfaces,
    .read_memory = linux_read_memory,
    .read_mounts = linux_read_mounts,
    .read_paging = linux_read_paging,
    .read_pressure = linux_read_pressure,
    .read_processes = linux_read_processes,
};

/* Behind a RootFS all is ours: libstatgrab knows of no other root. */
static const struct source behind_root = {
    .read_cgroup = linux_read_cgroup,
    .read_cpu = linux_read_cpu,
    .read_disks = linux_read_disks,
    .read_handles = linux_read_handles,
    .read_interfaces = linux_read_interfaces,
    .read_links = linux_skip_links,
    .read_load = linux_read_load,
    .read_memory = linux_read_memory,
    .read_mounts = linux_read_mounts,
    .read_paging = linux_read_paging,
    .read_pressure = linux_read_pressure,
    .read_processes = linux_read_processes,
    .read_uptime = linux_read_uptime,
    .read_users = linux_read_users,
};

const struct source *driver_source(const char *root) {
  return root[0] == '\0' ? &own : &behind_root;
}

int driver_new(const char *root, struct driver **ret_driver,
               struct error *error) {
  struct driver *driver = malloc(sizeof(*driver));
  if (driver == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  /* Behind a RootFS, mounts and interfaces are those of the machine's init;
   * "self" would still be this container's. */
  bool has_root = root[0] != '\0';
  *driver = (struct driver){
      .root = root,
      .cgroup = PROC_FILE("/proc/self/cgroup"),
      .diskstats = PROC_FILE("/proc/diskstats"),
      .file_nr = PROC_FILE("/proc/sys/fs/file-nr"),
      .loadavg = PROC_FILE("/proc/loadavg"),
      .meminfo = PROC_FILE("/proc/meminfo"),
      .mounts = PROC_FILE(has_root ? "/proc/1/mounts" : "/proc/self/mounts"),
      .net_dev = PROC_FILE(has_root ? "/proc/1/net/dev" : "/proc/net/dev"),
      .pressure = {[PRESSURE_CPU] = PROC_FILE("/proc/pressure/cpu"),
                   [PRESSURE_MEMORY] = PROC_FILE("/proc/pressure/memory"),
                   [PRESSURE_IO] = PROC_FILE("/proc/pressure/io")},
      .stat = PROC_FILE("/proc/stat"),
      .uptime = PROC_FILE("/proc/uptime"),
      .utmp = PROC_FILE("/run/utmp"),
      .vmstat = PROC_FILE("/proc/vmstat"),
      .proc_fd = -1,
  };
  *ret_driver = driver;
  return 0;
}

void driver_free(struct driver *driver) {
  if (driver == NULL) {
    return;
  }
  struct proc_file *files[] = {
      &driver->cgroup,  &driver->diskstats, &driver->file_nr, &driver->loadavg,
      &driver->meminfo, &driver->mounts,    &driver->net_dev, &driver->stat,
      &driver->uptime,  &driver->utmp,      &driver->vmstat,
  };
  for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
    proc_file_close(files[i]);
  }
  for (size_t i = 0; i < PRESSURE_RESOURCES; i++) {
    proc_file_close(&driver->pressure[i]);
  }
  free(driver->mounts_text);
  if (driver->proc_fd >= 0) {
    (void)close(driver->proc_fd);
  }
  free(driver);
}

int linux_refuse(const struct driver *driver, const struct proc_file *file,
                 const char *lacks, struct error *error) {
  return error_set(error, -EBADMSG, "%s%s: has no %s", driver->root, file->path,
                   lacks);
}

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
      .mountinfo =
          PROC_FILE(has_root ? "/proc/1/mountinfo" : "/proc/self/mountinfo"),
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
      &driver->meminfo, &driver->mountinfo, &driver->net_dev, &driver->stat,
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

int linux_take_lines(const struct driver *driver, const struct proc_file *file,
                     struct scan text, linux_take_fn *take, void *facts,
                     struct error *error) {
  struct scan line;
  unsigned number = 1;
  unsigned bad = 0;
  for (; scan_line(&text, &line); number++) {
    int code = take(&line, facts);
    if (code == -ENOMEM) {
      return error_set(error, code, "out of memory");
    }
    bad = code != 0 && bad == 0 ? number : bad;
  }
  if (bad == 0 && text.at < text.end) {
    bad = number; /* the last one was cut */
  }
  return bad == 0 ? 0
                  : error_set(error, -EBADMSG, "%s%s: line %u makes no sense",
                              driver->root, file->path, bad);
}

struct fields {
  const struct scan_field *rows;
  size_t len;
};

static int take_field(struct scan *line, void *facts) {
  const struct fields *fields = facts;
  return scan_field(line, fields->rows, fields->len);
}

int linux_read_fields(struct driver *driver, struct proc_file *file,
                      const struct scan_field *fields, size_t fields_len,
                      size_t required, uint64_t unit, struct error *error) {
  struct scan text;
  struct fields context = {fields, fields_len};
  int code = proc_file_read(file, driver->root, &text, error);
  if (code != 0) {
    return code;
  }
  code = linux_take_lines(driver, file, text, take_field, &context, error);
  for (size_t i = 0; i < fields_len; i++) {
    bool is_known = *fields[i].number <= (FACT_UNKNOWN - 1) / unit;
    *fields[i].number = is_known ? *fields[i].number * unit : FACT_UNKNOWN;
    if (!is_known && i < required && code == 0) {
      code = linux_refuse(driver, file, fields[i].name, error);
    }
  }
  return code;
}

/* SPDX-License-Identifier: MIT */
/* linux_driver: Linux's own source, for what libstatgrab lacks or gets wrong
 * there. */
#include "statgrab/linux/linux_driver.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "statgrab/source.h"

const struct source driver_source = {
    .read_memory = linux_read_memory,
    .read_cpu = linux_read_cpu,
    .read_processes = linux_read_processes,
    .read_mounts = linux_read_mounts,
};

int driver_new(const char *root, struct driver **ret_driver,
               struct error *error) {
  struct driver *driver = calloc(1, sizeof(*driver));
  if (driver == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  bool has_root = root[0] != '\0';
  *driver = (struct driver){
      .root = root,
      .meminfo = PROC_FILE("/proc/meminfo"),
      .stat = PROC_FILE("/proc/stat"),
      /* Behind a RootFS the machine's own table is that of its init. */
      .mounts = PROC_FILE(has_root ? "/proc/1/mounts" : "/proc/self/mounts"),
      .proc_fd = -1,
  };
  *ret_driver = driver;
  return 0;
}

void driver_free(struct driver *driver) {
  if (driver == NULL) {
    return;
  }
  proc_file_close(&driver->meminfo);
  proc_file_close(&driver->stat);
  proc_file_close(&driver->mounts);
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

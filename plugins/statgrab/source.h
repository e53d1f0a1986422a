/* SPDX-License-Identifier: MIT */
/* source: the interface to what reads statistics. There are two: libstatgrab,
 * which knows every system, and a driver for what libstatgrab lacks or gets
 * wrong on this one. */
#pragma once

#include <errno.h>
#include <stdbool.h>

#include "core/error.h"
#include "statgrab/stats.h"

/* What a driver keeps open. Not locked: one thread at a time; but read_mounts
 * may run beside the others, since it uses other files. */
struct source_driver;

/* Fills the struct of its kind in STATS and returns 0, or negative errno with a
 * text, which -ENOMEM need not have; the struct is then half filled and must
 * not be used. -ENOENT and -EOPNOTSUPP mean that this system does not have it.
 * -EBADMSG from kinds of many numbers (cpu, disks, interfaces, paging,
 * pressure, processes) means that some are malformed or may not be read: those
 * are STATS_UNKNOWN or their rows are missing; the others are valid. */
typedef int source_read_fn(struct stats *stats, struct error *error);

struct source {
  source_read_fn *read[STATS_KINDS]; /* NULL: this source does not have it */
  /* Likewise; -EBADMSG: the rows of some mounts are missing. libstatgrab's also
   * reads the usage of each file system, and so may wait for ever; it needs no
   * driver. */
  int (*read_mounts)(struct source_driver *driver,
                     struct stats_mount_table *table, struct error *error);
};

/* True if a read that returned CODE has valid data. */
static inline bool source_has_data(int code) {
  return code == 0 || code == -EBADMSG;
}

/* All that libstatgrab has, through its reentrant functions only: the others
 * keep results per thread, and collectd reads in any of several threads. */
extern const struct source source_libstatgrab;

/* Initializes libstatgrab for the process; before any read. Returns 0, or -EIO
 * with a text where a part of it could not be initialized; the other parts work
 * nevertheless. */
int source_libstatgrab_init(struct error *error);

/* Ends libstatgrab; after all reads. */
void source_libstatgrab_fini(void);

/* Opens the driver of this system, chosen when the plugin is built.
 * root: prefix of all paths, "" for none; borrowed.
 * *ret_source: the functions that it does better than libstatgrab.
 * *ret_driver: yours, source_driver_free(); NULL where it needs no state.
 * Returns 0 or negative errno. */
int source_driver_new(const char *root, struct source *ret_source,
                      struct source_driver **ret_driver, struct error *error);
void source_driver_free(struct source_driver *driver);

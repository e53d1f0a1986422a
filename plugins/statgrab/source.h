/* SPDX-License-Identifier: MIT */
/* source: the interface to what reads statistics. There are two: libstatgrab,
 * which knows every system, and a driver for what libstatgrab lacks or gets
 * wrong on this one. */
#ifndef STATGRAB_SOURCE_H
#define STATGRAB_SOURCE_H

#include <errno.h>
#include <stdbool.h>

#include "core/error.h"
#include "statgrab/stats.h"

/* What a driver keeps open. Not locked: one thread at a time. */
struct source_driver;

/* A function is NULL where a source does not have these statistics. Each fills
 * its struct and returns 0, or negative errno with a text; the struct is then
 * half filled and must not be used.
 * -ENOENT and -EOPNOTSUPP mean that this system does not have them.
 * -EBADMSG from those that read many numbers (cpu, disks, interfaces, mounts,
 * paging, pressure) means that some are malformed: those are STATS_UNKNOWN or
 * their rows are missing; the others are valid. */
struct source {
  int (*read_cgroup)(struct source_driver *, struct stats_cgroup *,
                     struct error *);
  int (*read_cpu)(struct source_driver *, struct stats_cpu *, struct error *);
  int (*read_disks)(struct source_driver *, struct stats_disk_table *,
                    struct error *);
  int (*read_handles)(struct source_driver *, struct stats_handles *,
                      struct error *);
  int (*read_interfaces)(struct source_driver *, struct stats_interface_table *,
                         struct error *);
  /* Adds speed and state to the interfaces that are in the table. */
  int (*read_links)(struct source_driver *, struct stats_interface_table *,
                    struct error *);
  int (*read_load)(struct source_driver *, struct stats_load *, struct error *);
  int (*read_memory)(struct source_driver *, struct stats_memory *,
                     struct error *);
  int (*read_mounts)(struct source_driver *, struct stats_mount_table *,
                     struct error *);
  /* True where read_mounts also reads the usage of each file system, and so
   * may wait for ever; it then needs no driver. */
  bool mounts_have_usage;
  int (*read_paging)(struct source_driver *, struct stats_paging *,
                     struct error *);
  int (*read_pressure)(struct source_driver *, struct stats_pressure *,
                       struct error *);
  int (*read_processes)(struct source_driver *, bool with_states,
                        struct stats_processes *, struct error *);
  int (*read_uptime)(struct source_driver *, double *ret_uptime_s,
                     struct error *);
  int (*read_users)(struct source_driver *, uint64_t *ret_users,
                    struct error *);
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

/* The functions that the driver of this system, chosen when the plugin is
 * built, does better than libstatgrab. root: as for source_driver_new(). */
struct source source_driver_functions(const char *root);

/* root: prefix of all paths, "" for none; borrowed.
 * *ret_driver: yours, source_driver_free(); NULL where the driver needs no
 * state. Returns 0 or negative errno. */
int source_driver_new(const char *root, struct source_driver **ret_driver,
                      struct error *error);
void source_driver_free(struct source_driver *driver);

#endif

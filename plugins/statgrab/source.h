/* SPDX-License-Identifier: MIT */
/* source: where facts come from. There are two: libstatgrab, which knows every
 * system, and a driver for what libstatgrab lacks or gets wrong on this one. */
#ifndef STATGRAB_SOURCE_H
#define STATGRAB_SOURCE_H

#include <errno.h>
#include <stdbool.h>

#include "core/error.h"
#include "statgrab/facts.h"
#include "statgrab/mounts.h"

/* What a driver keeps open. Not locked: one thread at a time. */
struct driver;

/* NULL where a source does not have the facts. Each fills them and returns 0,
 * or negative errno with a text; they are then half filled and not to be used.
 * -ENOENT and -EOPNOTSUPP mean that this system has no such thing.
 * -EBADMSG, of those that read many numbers (cpu, disks, interfaces, mounts,
 * paging, pressure): some of them are garbage and FACT_UNKNOWN, or
 * their rows are not there; the others are good. */
struct source {
  int (*read_cgroup)(struct driver *, struct cgroup_facts *, struct error *);
  int (*read_cpu)(struct driver *, struct cpu_facts *, struct error *);
  int (*read_disks)(struct driver *, struct disk_table *, struct error *);
  int (*read_handles)(struct driver *, struct handle_facts *, struct error *);
  int (*read_interfaces)(struct driver *, struct interface_table *,
                         struct error *);
  /* Adds speed and state to the interfaces that are in the table. */
  int (*read_links)(struct driver *, struct interface_table *, struct error *);
  int (*read_load)(struct driver *, struct load_facts *, struct error *);
  int (*read_memory)(struct driver *, struct memory_facts *, struct error *);
  int (*read_mounts)(struct driver *, struct mount_table *, struct error *);
  /* True where read_mounts also asks each file system how full it is, and so
   * may wait for ever; it then needs no driver. */
  bool asks_file_systems;
  int (*read_paging)(struct driver *, struct paging_facts *, struct error *);
  int (*read_pressure)(struct driver *, struct pressure_facts *,
                       struct error *);
  int (*read_processes)(struct driver *, bool with_states,
                        struct process_facts *, struct error *);
  int (*read_uptime)(struct driver *, double *ret_uptime_s, struct error *);
  int (*read_users)(struct driver *, uint64_t *ret_users, struct error *);
};

/* True if a reading that ended in CODE has told something. */
static inline bool source_has_told(int code) {
  return code == 0 || code == -EBADMSG;
}

/* What the driver of this system, chosen when the plugin is built, is better
 * at than libstatgrab. root: as for driver_new(). */
const struct source *driver_source(const char *root);

/* root: what all paths start with, "" for none; borrowed.
 * *ret_driver: yours, driver_free(); NULL where the driver needs nothing.
 * Returns 0 or negative errno. */
int driver_new(const char *root, struct driver **ret_driver,
               struct error *error);
void driver_free(struct driver *driver);

#endif

/* SPDX-License-Identifier: MIT */
/* source: where facts come from. There are two: libstatgrab, which knows every
 * system, and a driver for what libstatgrab lacks or gets wrong on this one. */
#ifndef STATGRAB_SOURCE_H
#define STATGRAB_SOURCE_H

#include <stdbool.h>

#include "core/error.h"
#include "statgrab/facts.h"
#include "statgrab/mounts.h"

/* What a driver keeps open. Not locked: one thread at a time. */
struct driver;

/* NULL where a source does not have the group. Each fills its facts and
 * returns 0, or negative errno with a text; facts are then half filled and not
 * to be used. */
struct source {
  int (*read_memory)(struct driver *, struct memory_facts *, struct error *);
  int (*read_cpu)(struct driver *, struct cpu_facts *, struct error *);
  int (*read_load)(struct driver *, struct load_facts *, struct error *);
  int (*read_processes)(struct driver *, bool with_states,
                        struct process_facts *, struct error *);
  int (*read_mounts)(struct driver *, struct mount_table *, struct error *);
};

/* The driver of this system, chosen when the plugin is built. */
extern const struct source driver_source;

/* root: what all paths start with, "" for none; borrowed.
 * *ret_driver: yours, driver_free(); NULL where the driver needs nothing.
 * Returns 0 or negative errno. */
int driver_new(const char *root, struct driver **ret_driver,
               struct error *error);
void driver_free(struct driver *driver);

#endif

/* SPDX-License-Identifier: MIT */
/* mounts: the table of what is mounted. */
#ifndef STATGRAB_MOUNTS_H
#define STATGRAB_MOUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "statgrab/facts.h"

struct mount {
  uint64_t id; /* while it is in use no other mount has it; FACT_UNKNOWN */
  char *device;
  char *type;
  char *name; /* where it is mounted, as the system it belongs to says */
  char *path; /* the same as this process reaches it: behind RootFS */
  struct usage_facts usage; /* filled by sources that list and ask at once */
};

/* All zero is an empty table. */
struct mount_table {
  struct mount *rows; /* owned */
  size_t len;
  size_t capacity;
  uint64_t generation; /* changes with the rows */
};

/* Adds a copy of the strings at the end; the usage is all FACT_UNKNOWN.
 * root: what the path gets in front, "" for nothing. The new row is valid
 * until the next call. Returns NULL when memory is short. */
struct mount *mount_table_add(struct mount_table *table, const char *device,
                              const char *type, const char *name,
                              const char *root);

/* Drops the rows and begins a new generation. */
void mount_table_clear(struct mount_table *table);

/* Frees what the table holds. Accepts NULL. */
void mount_table_fini(struct mount_table *table);

#endif

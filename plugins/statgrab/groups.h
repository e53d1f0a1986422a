/* SPDX-License-Identifier: MIT */
/* groups: each group of values, from its facts to its outlets. */
#ifndef STATGRAB_GROUPS_H
#define STATGRAB_GROUPS_H

#include "core/error.h"
#include "statgrab/cpu_values.h"
#include "statgrab/facts.h"
#include "statgrab/options.h"
#include "statgrab/outlet.h"
#include "statgrab/selection.h"
#include "statgrab/source.h"

/* Gives the sink that sends under the name of PLUGIN, a literal. */
typedef struct sample_sink sink_of_fn(const char *plugin);

/* Facts that several groups use are read once a round. */
struct shared {
  bool is_read;
  int code; /* of the reading */
  struct error error;
};

/* Not locked: one thread at a time. */
struct groups {
  const struct statgrab_options *options; /* borrowed */
  struct source source;
  struct driver *driver; /* owned */
  uint64_t page_bytes;
  struct outlets outlets[GROUPS];
  struct outlets contextswitch; /* a plugin of its own among the native ones */

  struct shared has_cgroup, has_cpu, has_memory, has_paging;
  struct cgroup_facts cgroup;
  struct cpu_facts cpu;
  struct memory_facts memory;
  struct paging_facts paging;

  struct cpu_history cpu_history;
  struct disk_table disks;
  struct selection disk_selection;
  struct interface_table interfaces;
  struct selection interface_selection;
};

/* The best source of each group on this system. root: as for driver_new(). */
struct source groups_best_source(const char *root);

/* options: complete, borrowed. sink_of: called here only. Returns 0 or
 * negative errno; groups_fini() is due either way. */
int groups_init(struct groups *groups, const struct statgrab_options *options,
                sink_of_fn *sink_of, struct error *error);
void groups_fini(struct groups *groups);

/* Begins a round: everything is read anew. */
void groups_begin(struct groups *groups);

/* Reads and puts one group. Returns 0; negative errno with a text, then
 * nothing was put; -ENOTSUP for one that no source here has. File systems are
 * not read here. */
int groups_put(struct groups *groups, enum statgrab_group group,
               struct error *error);

#endif

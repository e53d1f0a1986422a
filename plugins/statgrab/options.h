/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin statgrab> block may hold. A block inside it takes the
 * words of collectd's native plugin of the same name. */
#ifndef STATGRAB_OPTIONS_H
#define STATGRAB_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"

/* What can be collected; in the order of statgrab_group_names. */
enum statgrab_group {
  GROUP_CPU,
  GROUP_DF,
  GROUP_LOAD,
  GROUP_MEMORY,
  GROUP_PROCESSES,
  GROUPS,
};

extern const char *const statgrab_group_names[GROUPS + 1];

struct cpu_options {
  struct option_head head;
  bool report_by_state;
  bool report_by_cpu;
  bool values_percentage;
  bool report_num_cpu;
  bool report_guest_state;
  bool subtract_guest_state;
};

struct df_options {
  struct option_head head;
  struct option_strings devices;
  struct option_strings mount_points;
  struct option_strings fs_types;
  bool ignore_selected;
  bool report_by_device;
  bool report_inodes;
  bool values_absolute;
  bool values_percentage;
};

struct load_options {
  struct option_head head;
  bool report_relative;
};

struct memory_options {
  struct option_head head;
  bool values_absolute;
  bool values_percentage;
};

struct processes_options {
  struct option_head head;
  bool report_by_state;
};

/* Each of the blocks holds exactly one struct once statgrab_options_complete()
 * has been called. */
struct statgrab_options {
  struct option_head head;
  struct option_strings collect;
  char *root;
  bool native_names;
  struct option_blocks cpu;       /* struct cpu_options */
  struct option_blocks df;        /* struct df_options */
  struct option_blocks load;      /* struct load_options */
  struct option_blocks memory;    /* struct memory_options */
  struct option_blocks processes; /* struct processes_options */
};

extern const struct option_block statgrab_options;

/* Gives each block that nobody wrote its defaults. Returns 0 or -ENOMEM. */
int statgrab_options_complete(struct statgrab_options *options);

/* True if the group is to be collected: all are unless Collect names some. */
bool statgrab_collects(const struct statgrab_options *options,
                       enum statgrab_group group);

#endif

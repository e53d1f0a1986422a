/* SPDX-License-Identifier: MIT */
/* options: the options of a <Plugin statgrab> block. A block inside it has the
 * option names of collectd's native plugin of the same name. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"

/* Groups of values, named after collectd's native plugins. */
enum statgrab_group {
  GROUP_CGROUP,
  GROUP_CPU,
  GROUP_DF,
  GROUP_DISK,
  GROUP_FHCOUNT,
  GROUP_INTERFACE,
  GROUP_LOAD,
  GROUP_MEMORY,
  GROUP_PRESSURE,
  GROUP_PROCESSES,
  GROUP_SWAP,
  GROUP_UPTIME,
  GROUP_USERS,
  GROUP_VMEM,
  GROUPS,
};

/* Names by enum statgrab_group; the last is NULL. */
extern const char *const statgrab_group_names[GROUPS + 1];

/* What each option means is in the tables of options.c, from which the manual
 * is made. */
struct cpu_options {
  struct option_head head;
  bool report_by_state;
  bool report_by_cpu;
  bool values_percentage;
};

struct df_options {
  struct option_head head;
  struct option_strings devices;
  struct option_strings mount_points;
  struct option_strings fs_types;
  bool ignore_selected;
  bool report_inodes;
  bool values_absolute;
  bool values_percentage;
};

/* Of disks or of interfaces. */
struct device_options {
  struct option_head head;
  struct option_strings names;
  bool ignore_selected;
};

struct cgroup_options {
  struct option_head head;
  struct option_strings names;
  char *pod_names;
};

enum load_cores { CORES_ONLINE, CORES_USABLE };

struct load_options {
  struct option_head head;
  int cores; /* enum load_cores */
};

/* Each of the blocks holds exactly one struct once
 * statgrab_options_add_default_blocks() has been called. */
struct statgrab_options {
  struct option_head head;
  struct option_strings collect;
  char *root;
  struct option_blocks cgroup;    /* struct cgroup_options */
  struct option_blocks cpu;       /* struct cpu_options */
  struct option_blocks df;        /* struct df_options */
  struct option_blocks disk;      /* struct device_options */
  struct option_blocks interface; /* struct device_options */
  struct option_blocks load;      /* struct load_options */
};

extern const struct option_block statgrab_options;

/* Adds each block that is not configured, with its defaults. Returns 0 or
 * -ENOMEM. */
int statgrab_options_add_default_blocks(struct statgrab_options *options);

/* True if the group is collected: all are unless Collect names some. */
bool statgrab_collects(const struct statgrab_options *options,
                       enum statgrab_group group);

/* True if Collect names the group. */
bool statgrab_names_group(const struct statgrab_options *options,
                          enum statgrab_group group);

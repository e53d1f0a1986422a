/* SPDX-License-Identifier: MIT */
/* options: the option tables of a <Plugin statgrab> block. */
#include "statgrab/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "statgrab/filesystem_filter.h"
#include "statgrab/ignorelist.h"

const char *const statgrab_group_names[GROUPS + 1] = {
    [GROUP_CGROUP] = "cgroup",
    [GROUP_CPU] = "cpu",
    [GROUP_DF] = "df",
    [GROUP_DISK] = "disk",
    [GROUP_FHCOUNT] = "fhcount",
    [GROUP_INTERFACE] = "interface",
    [GROUP_LOAD] = "load",
    [GROUP_MEMORY] = "memory",
    [GROUP_PRESSURE] = "pressure",
    [GROUP_PROCESSES] = "processes",
    [GROUP_SWAP] = "swap",
    [GROUP_UPTIME] = "uptime",
    [GROUP_USERS] = "users",
    [GROUP_VMEM] = "vmem",
};

/* A row for a flag of a struct. */
#define FLAG(NAME, STRUCT, FIELD, DEFAULT, HELP)                               \
  {                                                                            \
    OPTION((NAME), BOOLEAN, struct STRUCT, FIELD), .default_text = (DEFAULT),  \
                                                   .help = (HELP)              \
  }

/* A row for a list of names, each checked when it is read. */
#define LIST(NAME, STRUCT, FIELD, CHECK, EXAMPLE, HELP)                        \
  {                                                                            \
    OPTION((NAME), STRINGS, struct STRUCT, FIELD),                             \
        .check = (CHECK), .example = (EXAMPLE), .help = (HELP)                 \
  }

static int check_absolute_path(const char *value, struct error *error) {
  return value[0] == '\0' || value[0] == '/'
             ? 0
             : error_set(error, -EINVAL, "is not an absolute path");
}

static const struct option cgroup_rows[] = {
    LIST(
        "Name", cgroup_options, names, ignorelist_check_entry,
        "\"/system.slice/trading.service\"",
        "Control groups of units and containers to report, by their path below "
        "F</sys/fs/cgroup> or C</regular expression/>. By default none; only "
        "version 2. A group that is new is found within 15 seconds."),
    {OPTION("PodNames", STRING, struct cgroup_options, pod_names),
     .default_text = "", .check = check_absolute_path,
     .example = "\"/var/log/pods\"",
     .help = "Directory in which the kubelet keeps the logs of pods; below "
             "B<RootFS>. The groups of a pod then have its namespace and name "
             "instead of its UID."},
};

static const struct option cpu_rows[] = {
    FLAG("ReportByState", cpu_options, report_by_state, "true",
         "Report user, system, wait, nice, interrupt, softirq, steal, idle "
         "and, once there was a virtual machine, guest time separately. "
         "I<percent-active>, all but idle and wait, is always "
         "reported."),
    FLAG("ReportByCpu", cpu_options, report_by_cpu, "false",
         "Also report each processor: I<cpu-0>, I<cpu-1>, ..."),
    FLAG("ValuesPercentage", cpu_options, values_percentage, "true",
         "Report percent of the time since the last read. If false, report the "
         "system's tick counters, type I<cpu>."),
};

static const struct option df_rows[] = {
    LIST("Device", df_options, devices, ignorelist_check_entry, "\"/dev/sda1\"",
         "Devices to report, by name or C</POSIX extended regular "
         "expression/>."),
    LIST("MountPoint", df_options, mount_points, ignorelist_check_entry,
         "\"/var\"", "Mount points to report, by name or regular expression."),
    LIST("FSType", df_options, fs_types, filesystem_filter_check_type,
         "\"ext4\"",
         "File system types to report, by name or regular expression."),
    FLAG("IgnoreSelected", df_options, ignore_selected, "false",
         "Exclude what the options above name, and report all other file "
         "systems. File systems without a disk (tmpfs, proc, overlay, ...) and "
         "read-only images (squashfs, iso9660) are excluded unless they are "
         "named. F</> is always included."),
    FLAG("ReportInodes", df_options, report_inodes, "true",
         "Also report inodes, always as I<percent_inodes>. Without a free "
         "inode no file can be created, "
         "even if there is free space."),
    FLAG("ValuesAbsolute", df_options, values_absolute, "true",
         "Report bytes and inode counts: I<df_complex>, I<df_inodes>. "
         "I<percent-used> and I<percent-free> are always reported; they do not "
         "count the space reserved for root."),
    FLAG("ValuesPercentage", df_options, values_percentage, "false",
         "Also report percent of the whole size: I<percent_bytes>."),
};

static const char *const cores_words[] = {"online", "usable", NULL};

static const struct option load_rows[] = {
    {OPTION("Cores", WORD, struct load_options, cores), .words = cores_words,
     .default_text = "online",
     .help = "Divisor of I<load-relative>. C<online>: the processors that are "
             "online. C<usable>: the processors that collectd may use, which "
             "is the smallest of its CPU affinity, its cpuset and the quota of "
             "its control group. In a container the load is still that of the "
             "whole machine."},
};

static const struct option disk_rows[] = {
    LIST("Disk", device_options, names, ignorelist_check_entry, "\"vda\"",
         "Disks and partitions to report, by name or C</regular expression/>. "
         "By default all that have been used since the system started."),
    FLAG("IgnoreSelected", device_options, ignore_selected, "false",
         "Exclude what B<Disk> names, and report all other disks."),
};

static const struct option interface_rows[] = {
    LIST("Interface", device_options, names, ignorelist_check_entry, "\"eth0\"",
         "Interfaces to report, by name or C</regular expression/>. By default "
         "all."),
    FLAG("IgnoreSelected", device_options, ignore_selected, "false",
         "Exclude what B<Interface> names, and report all other interfaces."),
};

/* Refuses a directory that is not the root of a machine. */
static int check_root_directory(const char *value, struct error *error) {
  char path[4096];
  if (value[0] == '\0') {
    return 0;
  }
  if (value[0] != '/') {
    return error_set(error, -EINVAL, "is not an absolute path");
  }
  int length = snprintf(path, sizeof(path), "%s/proc/stat", value);
  if (length < 0 || (size_t)length >= sizeof(path) || access(path, R_OK) != 0) {
    return error_set(error, -EINVAL,
                     "has no proc/stat in it; mount the machine's root there");
  }
  return 0;
}

/* A row for a block that has the name of its field, its rows in FIELD_rows and
 * its values in STRUCT. */
#define SUB_BLOCK(FIELD, STRUCT, HELP)                                         \
  {                                                                            \
    OPTION(#FIELD, BLOCK, struct statgrab_options, FIELD),                     \
        .block = &(const struct option_block) {                                \
      .name = #FIELD, .size = sizeof(struct STRUCT), .help = (HELP),           \
      .options = FIELD##_rows, .options_len = OPTION_COUNT(FIELD##_rows)       \
    }                                                                          \
  }

static const struct option option_rows[] = {
    {OPTION("Collect", STRINGS, struct statgrab_options, collect),
     .words = statgrab_group_names, .example = "\"memory\" \"cpu\"",
     .help =
         "What to collect, named after collectd's native plugins: "
         "I<cgroup> (limits of the container), I<cpu>, I<df> (file systems), "
         "I<disk>, I<fhcount> (open files), I<interface>, I<load>, I<memory>, "
         "I<pressure>, I<processes>, I<swap>, I<uptime>, I<users>, I<vmem> "
         "(paging). By default all of them."},
    {OPTION("RootFS", STRING, struct statgrab_options, root),
     .default_text = "", .check = check_root_directory, .example = "\"/host\"",
     .help = "For collectd in a container: the directory where the machine's "
             "root directory is mounted. F</proc>, F</sys> and the mount "
             "points are read below it. Linux only."},
    SUB_BLOCK(cgroup, cgroup_options,
              "Which control groups of units and containers to report."),
    SUB_BLOCK(cpu, cpu_options, "Values of the processors."),
    SUB_BLOCK(df, df_options, "File systems and their values."),
    SUB_BLOCK(disk, device_options, "Which disks to report."),
    SUB_BLOCK(interface, device_options, "Which interfaces to report."),
    SUB_BLOCK(load, load_options, "Values of the load average."),
};

const struct option_block statgrab_options = {
    .name = "statgrab",
    .size = sizeof(struct statgrab_options),
    .help = "System statistics from libstatgrab, corrected where the library "
            "is wrong. Each inner block has the options of collectd's native "
            "plugin of the same name.",
    OPTION_ROWS(option_rows),
};

/* Not in the table's defaults: a block that is configured must find its field
 * empty, or it would be refused as the second one. */
int statgrab_options_add_default_blocks(struct statgrab_options *options) {
  int code = 0;
  for (size_t i = 0; i < OPTION_COUNT(option_rows) && code == 0; i++) {
    const struct option *row = &option_rows[i];
    if (row->kind == OPTION_BLOCK) {
      struct option_blocks *blocks = option_field(row, options);
      code = blocks->len > 0 ? 0 : option_add_block(row->block, blocks);
    }
  }
  return code;
}

bool statgrab_names_group(const struct statgrab_options *options,
                          enum statgrab_group group) {
  for (size_t i = 0; i < options->collect.len; i++) {
    if (strcasecmp(options->collect.items[i], statgrab_group_names[group]) ==
        0) {
      return true;
    }
  }
  return false;
}

bool statgrab_collects(const struct statgrab_options *options,
                       enum statgrab_group group) {
  return options->collect.len == 0 || statgrab_names_group(options, group);
}

/* SPDX-License-Identifier: MIT */
/* stats: raw statistics of a system, before any metric is computed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of what a system or a source does not provide. */
#define STATS_UNKNOWN UINT64_MAX

/* Sets each counter of a struct that holds nothing else to STATS_UNKNOWN. */
#define STATS_CLEAR(STATS) memset((STATS), 0xff, sizeof(*(STATS)))

/* Bytes of the name of a disk or an interface; Linux uses 32 and 16. */
#define STATS_NAME_BYTES 112

/* Highest processor number accepted from a file. */
#define STATS_CPU_NUMBER_MAX 65535u

/* Bytes. */
struct stats_memory {
  uint64_t total;
  uint64_t free;
  uint64_t available; /* without swapping */
  uint64_t buffered;
  uint64_t cached; /* as the kernel counts it, without reclaimable slab */
  uint64_t slab_reclaimable;
  uint64_t swap_total;
  uint64_t swap_free;
  uint64_t swap_cached;
};

/* In the order of the columns of Linux's /proc/stat, proc_stat(5). */
enum stats_cpu_state {
  CPU_USER,
  CPU_NICE,
  CPU_SYSTEM,
  CPU_IDLE,
  CPU_WAIT,
  CPU_INTERRUPT,
  CPU_SOFTIRQ,
  CPU_STEAL,
  CPU_GUEST,      /* also part of user */
  CPU_GUEST_NICE, /* also part of nice */
  CPU_STATES,
};

/* Time in each state since the system started; on Linux in 10 ms (USER_HZ). */
struct stats_cpu_ticks {
  uint64_t states[CPU_STATES]; /* STATS_UNKNOWN where a system has no such */
};

/* One processor of several. */
struct stats_cpu_one {
  unsigned number;
  struct stats_cpu_ticks ticks;
};

/* Of all processors: counters since the system started. */
struct stats_cpu {
  struct stats_cpu_ticks all;
  struct stats_cpu_one *each; /* owned, grows */
  size_t each_len;
  size_t each_capacity;
  uint64_t online; /* processors */
  uint64_t context_switches;
  uint64_t interrupts;
  uint64_t forks;
};

/* Tasks that are running or wait for a processor or, on Linux, for a disk. */
struct stats_load {
  double minutes[3]; /* mean of the last 1, 5 and 15 minutes */
};

enum stats_process_state {
  PROCESS_RUNNING,
  PROCESS_SLEEPING,
  PROCESS_BLOCKED,
  PROCESS_STOPPED,
  PROCESS_ZOMBIE,
  PROCESS_IDLE,
  PROCESS_STATES,
};

/* Processes at the time of reading. Threads of the kernel are included, as in
 * /proc. */
struct stats_processes {
  uint64_t count;
  uint64_t hidden; /* of count: their states may not be read */
  uint64_t threads;
  uint64_t states[PROCESS_STATES];
};

/* Transfers between memory and disks since the system started. */
struct stats_paging {
  uint64_t disk_in_kib, disk_out_kib; /* block I/O of all kinds */
  uint64_t swap_in_pages, swap_out_pages;
  uint64_t faults, major_faults;
  uint64_t oom_kills;
};

/* One disk or partition. */
struct stats_disk {
  char name[STATS_NAME_BYTES];
  uint64_t read_bytes, write_bytes;
  uint64_t read_ops, write_ops;
  uint64_t read_merged, write_merged;
  uint64_t read_ms, write_ms; /* summed over all operations */
  uint64_t io_ms;             /* with at least one operation in flight */
  uint64_t weighted_ms;       /* times the number of operations in flight */
  uint64_t in_flight;
};

struct stats_disk_table {
  struct stats_disk *rows; /* owned, grows */
  size_t len;
  size_t capacity;
};

/* One network interface. */
struct stats_interface {
  char name[STATS_NAME_BYTES];
  uint64_t rx_bytes, tx_bytes;
  uint64_t rx_packets, tx_packets;
  uint64_t rx_errors, tx_errors;
  uint64_t rx_dropped, tx_dropped;
  uint64_t collisions;
  uint64_t speed_bits_per_s; /* 0: none, as of a loopback */
  uint64_t is_up;            /* 0 or 1 */
};

struct stats_interface_table {
  struct stats_interface *rows; /* owned, grows */
  size_t len;
  size_t capacity;
};

enum stats_pressure_resource {
  PRESSURE_CPU,
  PRESSURE_MEMORY,
  PRESSURE_IO,
  PRESSURE_RESOURCES,
};

/* Time that tasks waited for a resource. */
struct stats_pressure_line {
  double percent[3]; /* of the last 10, 60 and 300 s; NaN: no such line */
  uint64_t total_us;
};

/* For each resource: while some task waited, and while all tasks did. */
struct stats_pressure {
  struct stats_pressure_line lines[PRESSURE_RESOURCES][2];
};

/* Limits of the control group of this process, and its use of them. */
struct stats_cgroup {
  uint64_t memory_limit; /* bytes; STATS_UNKNOWN: no limit */
  uint64_t memory_used;  /* without page cache that can be dropped at once */
  double cpu_quota;      /* processors; NaN: no limit */
  uint64_t affinity;     /* processors that this process may run on */
  uint64_t throttled;    /* periods */
  uint64_t throttled_us;
};

/* A limit of a control group or of one above it. */
struct stats_group_limit {
  uint64_t limit;     /* STATS_UNKNOWN: none */
  size_t path_length; /* of the group that has it, in the path of the row */
};

/* One control group of a unit or container. STATS_UNKNOWN: not known. */
struct stats_group {
  char name[STATS_NAME_BYTES]; /* a part of a series' name */
  char *path;                  /* owned */
  struct stats_group_limit memory;
  struct stats_group_limit pids;
  bool has_quota;       /* of processor time, its own or one above */
  uint64_t memory_used; /* by the group that has the limit */
  uint64_t pids_used;   /* likewise */
  uint64_t oom_kills;
  uint64_t periods, throttled, throttled_us; /* of the quota */
  uint64_t periods_before, throttled_before; /* at the last read */
  double memory_pressure; /* percent of the last 60 s; NaN: not measured */
};

struct ignorelist;

/* selected, pod_names: borrowed from the configuration. */
struct stats_group_table {
  const struct ignorelist *selected;
  const char *pod_names; /* directory; "" for none */
  struct stats_group *rows;
  size_t len;
  size_t capacity;
  int64_t scanned_ms; /* when the rows were found; 0: never */
  /* The rows of the last scan while the next one runs. */
  struct stats_group *old;
  size_t old_len;
  size_t old_next;
};

/* Open files of the whole system. */
struct stats_handles {
  uint64_t used, unused, max;
};

/* Bytes and inodes of one file system. */
struct stats_usage {
  uint64_t size;
  uint64_t free;      /* for root */
  uint64_t available; /* for everybody */
  uint64_t inodes;
  uint64_t inodes_free;
  uint64_t inodes_available;
};

struct source_driver;

/* What can be read, apart from mounts. */
enum stats_kind {
  STATS_CGROUP,
  STATS_CPU,
  STATS_DISKS,
  STATS_GROUPS, /* control groups that the configuration names */
  STATS_HANDLES,
  STATS_INTERFACES,
  STATS_LINKS, /* speed and state of the interfaces already read */
  STATS_LOAD,
  STATS_MEMORY,
  STATS_PAGING,
  STATS_PRESSURE,
  STATS_PROCESSES,
  STATS_UPTIME,
  STATS_USERS,
  STATS_KINDS,
};

/* stats_init(), stats_fini(). */
struct stats {
  struct source_driver *driver; /* borrowed by the functions that read */
  struct stats_cgroup cgroup;
  struct stats_cpu cpu;
  struct stats_cpu cpu_before; /* the last read; stats_exchange_cpu() */
  struct stats_disk_table disks;
  struct stats_group_table groups;
  struct stats_handles handles;
  struct stats_interface_table interfaces;
  struct stats_load load;
  struct stats_memory memory;
  struct stats_paging paging;
  struct stats_pressure pressure;
  struct stats_processes processes;
  double uptime_s;
  uint64_t users;
};

struct stats_mount {
  uint64_t id; /* unique while the mount is in use; or STATS_UNKNOWN */
  char *device;
  char *type;
  char *name; /* mount point as the monitored system sees it */
  char *path; /* the same as this process reaches it: behind RootFS */
  struct stats_usage
      usage; /* set only by sources that list and query at once */
};

/* All zero is an empty table. */
struct stats_mount_table {
  struct stats_mount *rows; /* owned */
  size_t len;
  size_t capacity;
  uint64_t generation; /* changes with the rows */
};

/* Ticks, all unknown. */
struct stats_cpu_ticks stats_cpu_ticks_unknown(void);

/* Clears all readings and keeps the memory for the next ones. */
void stats_cpu_clear(struct stats_cpu *cpu);

/* Sets all to no limit or unknown. */
void stats_cgroup_clear(struct stats_cgroup *cgroup);

/* Adds one processor. Returns 0 or -ENOMEM. */
int stats_cpu_add(struct stats_cpu *cpu, unsigned number,
                  const struct stats_cpu_ticks *ticks);

/* Adds a row with a name, cut where it is too long, and unknown counters.
 * The row is valid until the next call. Returns NULL when memory is short. */
struct stats_disk *stats_disk_add(struct stats_disk_table *table,
                                  const char *name, size_t name_length);
struct stats_interface *stats_interface_add(struct stats_interface_table *table,
                                            const char *name,
                                            size_t name_length);

/* Between the two, each group that exists is added again; it keeps its
 * counters. The row is valid until the next one is added. Returns NULL when
 * memory is short. */
void stats_group_table_begin_scan(struct stats_group_table *table);
struct stats_group *stats_group_add(struct stats_group_table *table,
                                    const char *name, const char *path);
void stats_group_table_end_scan(struct stats_group_table *table);

/* Adds a mount with copies of the strings and unknown usage.
 * root: prefix of the path, "" for none. The new row is valid until the next
 * call. Returns NULL when memory is short. */
struct stats_mount *stats_mount_add(struct stats_mount_table *table,
                                    const char *device, const char *type,
                                    const char *name, const char *root);

/* Removes the rows and begins a new generation. */
void stats_mount_table_clear(struct stats_mount_table *table);

/* Makes cpu the last read, before the next one. */
void stats_exchange_cpu(struct stats *stats);

void stats_init(struct stats *stats);

/* Free what the structs hold. */
void stats_fini(struct stats *stats);
void stats_mount_table_fini(struct stats_mount_table *table);

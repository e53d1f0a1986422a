/* SPDX-License-Identifier: MIT */
/* facts: raw numbers of a system, before anything is computed from them. */
#ifndef STATGRAB_FACTS_H
#define STATGRAB_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a system or a source does not tell. */
#define FACT_UNKNOWN UINT64_MAX

/* Bytes of the name of a disk or an interface; Linux takes 32 and 16. */
#define FACT_NAME_BYTES 112

/* Bytes. */
struct memory_facts {
  uint64_t total;
  uint64_t free;
  uint64_t available; /* without swapping */
  uint64_t buffered;
  uint64_t cached; /* as the kernel says, without what can be reclaimed */
  uint64_t slab_reclaimable;
  uint64_t slab_unreclaimable;
  uint64_t swap_total;
  uint64_t swap_free;
  uint64_t swap_cached;
};

enum cpu_state {
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

struct cpu_ticks {
  uint64_t states[CPU_STATES]; /* FACT_UNKNOWN where a system has no such */
};

/* One processor of several. */
struct cpu_one {
  unsigned number;
  struct cpu_ticks ticks;
};

struct cpu_facts {
  struct cpu_ticks all;
  struct cpu_one *each; /* owned, grows; cpu_facts_fini() */
  size_t each_len;
  size_t each_capacity;
  uint64_t online; /* processors */
  uint64_t context_switches;
  uint64_t interrupts;
  uint64_t forks;
};

struct load_facts {
  double minutes_1, minutes_5, minutes_15;
};

enum process_state {
  PROCESS_RUNNING,
  PROCESS_SLEEPING,
  PROCESS_BLOCKED,
  PROCESS_STOPPED,
  PROCESS_ZOMBIE,
  PROCESS_IDLE,
  PROCESS_STATES,
};

struct process_facts {
  uint64_t count;
  uint64_t hidden; /* of them: we may not see their states */
  uint64_t threads;
  uint64_t states[PROCESS_STATES];
};

/* What is moved between memory and disks, since the system started. */
struct paging_facts {
  uint64_t disk_in_kib, disk_out_kib; /* block I/O of all kinds */
  uint64_t swap_in_pages, swap_out_pages;
  uint64_t faults, major_faults;
  uint64_t oom_kills;
};

/* One disk or partition. */
struct disk_facts {
  char name[FACT_NAME_BYTES];
  uint64_t read_bytes, write_bytes;
  uint64_t read_ops, write_ops;
  uint64_t read_merged, write_merged;
  uint64_t read_ms, write_ms;  /* summed over all operations */
  uint64_t io_ms, weighted_ms; /* with any under way; times their number */
  uint64_t in_flight;
};

struct disk_table {
  struct disk_facts *rows; /* owned, grows; disk_table_fini() */
  size_t len;
  size_t capacity;
};

/* One network interface. */
struct interface_facts {
  char name[FACT_NAME_BYTES];
  uint64_t rx_bytes, tx_bytes;
  uint64_t rx_packets, tx_packets;
  uint64_t rx_errors, tx_errors;
  uint64_t rx_dropped, tx_dropped;
  uint64_t collisions;
  uint64_t speed_bits_per_s; /* 0: none, as of a loopback */
  uint64_t is_up;            /* 0 or 1 */
};

struct interface_table {
  struct interface_facts *rows; /* owned, grows; interface_table_fini() */
  size_t len;
  size_t capacity;
};

enum pressure_resource {
  PRESSURE_CPU,
  PRESSURE_MEMORY,
  PRESSURE_IO,
  PRESSURE_RESOURCES,
};

/* Time in which tasks waited for a resource: percent over the last seconds,
 * and in all. */
struct pressure_line {
  double avg10, avg60, avg300; /* NaN where there is no such line */
  uint64_t total_us;
};

struct pressure_facts {
  struct pressure_line some[PRESSURE_RESOURCES]; /* at least one task */
  struct pressure_line full[PRESSURE_RESOURCES]; /* all of them at once */
};

/* Limits of the control group that this process is in, and its use of them. */
struct cgroup_facts {
  uint64_t memory_limit; /* bytes; FACT_UNKNOWN: there is none */
  uint64_t memory_used;  /* without what can be dropped at once */
  double cpu_quota;      /* processors; NaN: there is none */
  uint64_t affinity;     /* processors that this process may run on */
  uint64_t throttled;    /* periods */
  uint64_t throttled_us;
};

/* Files that are open on the whole system. */
struct handle_facts {
  uint64_t used, unused, max;
};

/* Bytes and inodes of one file system. */
struct usage_facts {
  uint64_t size;
  uint64_t free;      /* for root */
  uint64_t available; /* for everybody */
  uint64_t inodes;
  uint64_t inodes_free;
  uint64_t inodes_available;
};

#endif

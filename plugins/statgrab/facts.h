/* SPDX-License-Identifier: MIT */
/* facts: raw numbers of a system, before anything is computed from them. */
#ifndef STATGRAB_FACTS_H
#define STATGRAB_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a system or a source does not tell. */
#define FACT_UNKNOWN UINT64_MAX

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
  uint64_t running; /* processes that run or could */
  uint64_t blocked; /* processes that wait for a disk */
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
  uint64_t threads;
  uint64_t states[PROCESS_STATES];
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

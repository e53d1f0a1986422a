/* SPDX-License-Identifier: MIT */
/* metrics: computes values from raw statistics and sends them, a function for
 * each kind of statistics. */
#pragma once

#include "statgrab/emitter.h"
#include "statgrab/ignorelist.h"
#include "statgrab/options.h"
#include "statgrab/stats.h"

/* ---- processors, load and processes ---- */

/* Shares of the time between two reads, in percent; NaN where unknown. */
struct metrics_cpu_percents {
  double active; /* all but idle and waiting for a disk, as in psutil */
  double states[CPU_STATES];
};

/* A state whose counter decreased, as that of wait sometimes does, counts as 0.
 * Within one tick all shares are NaN. Guest time is part of user time and not
 * counted twice. */
struct metrics_cpu_percents
metrics_cpu_percents(const struct stats_cpu_ticks *before,
                     const struct stats_cpu_ticks *now);

/* Sends what the options select. before: the read before; cleared where there
 * was none: percentages start with the second read. */
void metrics_send_cpu(const struct stats_cpu *before,
                      const struct stats_cpu *now,
                      const struct cpu_options *options,
                      const struct emitter *emitter);

/* Sends the load of 1, 5 and 15 minutes, and the same divided by CORES; 0
 * where that number is unknown. */
void metrics_send_load(const struct stats_load *stats, double cores,
                       const struct emitter *emitter);

/* Sends the number of processes and threads and, where known, the states.
 * forks: since the system started, or STATS_UNKNOWN. */
void metrics_send_processes(const struct stats_processes *stats, uint64_t forks,
                            const struct emitter *emitter);

/* ---- memory, swap space, paging and open files ---- */

/* Percent that is not available without swapping: (total - available) / total,
 * psutil's virtual_memory().percent. NaN where it is unknown. */
double metrics_memory_used_percent(const struct stats_memory *stats);

/* Sends percent-used and psutil's parts of the total: used = total - free -
 * buffers - cached, where cached includes the reclaimable slab. */
void metrics_send_memory(const struct stats_memory *stats,
                         const struct emitter *emitter);

/* Sends percent-used, 0 on a machine without swap, and the space. What is also
 * cached in memory counts as used, as in psutil. Returns false, and sends
 * nothing, where the size is unknown. */
bool metrics_send_swap(const struct stats_memory *stats,
                       const struct emitter *emitter);

/* Sends what is swapped in and out, in bytes. page_bytes: size of one page. */
void metrics_send_swap_io(const struct stats_paging *stats, uint64_t page_bytes,
                          const struct emitter *emitter);

/* Sends block I/O, swapping, page faults and OOM kills. */
void metrics_send_paging(const struct stats_paging *stats,
                         const struct emitter *emitter);

/* Sends the open files of the whole system. */
void metrics_send_handles(const struct stats_handles *stats,
                          const struct emitter *emitter);

/* ---- disks, interfaces and file systems ---- */

/* Sends the selected disks and partitions that have ever been used. */
void metrics_send_disks(const struct stats_disk_table *table,
                        bool ignore_selected, const struct ignorelist *selected,
                        const struct emitter *emitter);

/* Sends the selected interfaces. */
void metrics_send_interfaces(const struct stats_interface_table *table,
                             bool ignore_selected,
                             const struct ignorelist *selected,
                             const struct emitter *emitter);

/* Sends the values of the file system with that NAME, made by emitter.h. One
 * without a size, such as /proc, has no values. */
void metrics_send_filesystem(const struct stats_usage *stats, const char *name,
                             const struct df_options *options,
                             const struct emitter *group);

/* ---- pressure and limits ---- */

/* Sends the averages in percent and the totals in milliseconds. */
void metrics_send_pressure(const struct stats_pressure *stats,
                           const struct emitter *emitter);

/* Sends limits and their use; nothing for what has no limit.
 * online: processors of the machine. */
void metrics_send_cgroup(const struct stats_cgroup *stats, uint64_t online,
                         const struct emitter *emitter);

/* Sends the values of each control group: a limit's use in percent, what was
 * stopped and killed. */
void metrics_send_groups(const struct stats_group_table *table,
                         const struct emitter *emitter);

/* Processors that this process may use: the smallest of those online, its
 * affinity (which a cpuset restricts) and the quota of its control group.
 * NaN where nothing is known. */
double metrics_usable_processors(uint64_t online,
                                 const struct stats_cgroup *stats);

/* SPDX-License-Identifier: MIT */
/* source_libstatgrab: reads statistics through libstatgrab; the only file that
 * includes its header. */
#include "statgrab/source.h"

#include <errno.h>
#include <statgrab.h>
#include <stdlib.h>
#include <string.h>

/* Puts the library's last error into ERROR. Returns -EIO. */
static int set_library_error(const char *what, struct error *error) {
  sg_error code = sg_get_error();
  const char *detail = sg_get_error_arg();
  return error_set(error, -EIO, "libstatgrab: %s: %s%s%s", what,
                   code == SG_ERROR_NONE ? "no data" : sg_str_error(code),
                   detail == NULL || detail[0] == '\0' ? "" : ": ",
                   detail == NULL ? "" : detail);
}

/* sg_free_X() must not be used: in Debian's build it aborts the daemon on a
 * buffer that it does not know. */
static void free_library_stats(void *stats) {
  if (stats != NULL) {
    (void)sg_free_stats_buf(stats);
  }
}

/* Checks a result of one struct. Returns 0, or -EIO where there is none. */
static int check_result(const void *stats, size_t entries, const char *what,
                        struct error *error) {
  return stats != NULL && entries > 0 ? 0 : set_library_error(what, error);
}

/* Checks a list: an empty one is NULL without an error. */
static int check_list(const void *list, const char *what, struct error *error) {
  return list != NULL || sg_get_error() == SG_ERROR_NONE
             ? 0
             : set_library_error(what, error);
}

int source_libstatgrab_init(struct error *error) {
  /* 1: a component that fails, such as disks without permission, does not
   * disable the others; with 0 a later sg_shutdown() would deadlock. */
  return sg_init(1) == SG_ERROR_NONE ? 0
                                     : set_library_error("cannot start", error);
}

void source_libstatgrab_fini(void) { (void)sg_shutdown(); }

static int read_swap_stats(struct stats_memory *stats, struct error *error) {
  size_t entries = 0;
  sg_swap_stats *swap = sg_get_swap_stats_r(&entries);
  int code = check_result(swap, entries, "swap", error);
  if (code == 0) {
    stats->swap_total = swap->total;
    stats->swap_free = swap->free;
  }
  free_library_stats(swap);
  return code;
}

/* The library's "used" contains what can be dropped only on some systems; the
 * Linux driver reads MemAvailable instead. */
static int read_memory_stats(struct stats *all, struct error *error) {
  struct stats_memory *stats = &all->memory;
  STATS_CLEAR(stats);
  size_t entries = 0;
  sg_mem_stats *memory = sg_get_mem_stats_r(&entries);
  bool has_memory = memory != NULL && entries > 0 && memory->total > 0;
  int code = check_result(memory, has_memory, "memory", error);
  if (code == 0) {
    stats->total = memory->total;
    stats->free = memory->free;
    stats->cached = memory->cache;
    stats->available = memory->used > memory->total
                           ? memory->free
                           : memory->total - memory->used;
    code = read_swap_stats(stats, error);
  }
  free_library_stats(memory);
  return code;
}

/* Leaves the number unknown where the library has none. */
static void read_online_processors(struct stats_cpu *stats) {
  size_t entries = 0;
  sg_host_info *host = sg_get_host_info_r(&entries);
  if (host != NULL && entries > 0 && host->ncpus > 0) {
    stats->online = host->ncpus;
  }
  free_library_stats(host);
}

/* The library has no interrupt, softirq, steal and guest time. */
static int read_cpu_stats(struct stats *all, struct error *error) {
  struct stats_cpu *stats = &all->cpu;
  stats_cpu_clear(stats);
  size_t entries = 0;
  sg_cpu_stats *cpu = sg_get_cpu_stats_r(&entries);
  int code = check_result(cpu, entries, "cpu", error);
  if (code == 0) {
    stats->all.states[CPU_USER] = cpu->user;
    stats->all.states[CPU_NICE] = cpu->nice;
    stats->all.states[CPU_SYSTEM] = cpu->kernel;
    stats->all.states[CPU_IDLE] = cpu->idle;
    stats->all.states[CPU_WAIT] = cpu->iowait;
    stats->context_switches = cpu->context_switches;
    stats->interrupts = cpu->interrupts;
    read_online_processors(stats);
  }
  free_library_stats(cpu);
  return code;
}

static int read_load_stats(struct stats *all, struct error *error) {
  size_t entries = 0;
  sg_load_stats *load = sg_get_load_stats_r(&entries);
  int code = check_result(load, entries, "load", error);
  if (code == 0) {
    all->load = (struct stats_load){{load->min1, load->min5, load->min15}};
  }
  free_library_stats(load);
  return code;
}

/* The library does not distinguish waiting for a disk from sleeping. */
static const enum stats_process_state process_states[] = {
    [SG_PROCESS_STATE_RUNNING] = PROCESS_RUNNING,
    [SG_PROCESS_STATE_SLEEPING] = PROCESS_SLEEPING,
    [SG_PROCESS_STATE_STOPPED] = PROCESS_STOPPED,
    [SG_PROCESS_STATE_ZOMBIE] = PROCESS_ZOMBIE,
    /* what Linux's idle kernel threads are reported as */
    [SG_PROCESS_STATE_UNKNOWN] = PROCESS_IDLE,
};

/* Counts by itself: sg_get_process_count_r() of 0.92 reads beyond its array. */
static int read_process_stats(struct stats *all, struct error *error) {
  struct stats_processes *stats = &all->processes;
  size_t entries = 0;
  sg_process_stats *processes = sg_get_process_stats_r(&entries);
  int code = check_result(processes, entries, "processes", error);
  *stats = (struct stats_processes){.count = entries, .threads = STATS_UNKNOWN};
  stats->states[PROCESS_BLOCKED] = STATS_UNKNOWN;
  for (size_t i = 0; code == 0 && i < entries; i++) {
    stats->states[process_states[processes[i].state]]++;
  }
  free_library_stats(processes);
  return code;
}

/* Queries every file system; one that does not respond blocks all of them. */
static int read_mount_stats(struct source_driver *driver,
                            struct stats_mount_table *table,
                            struct error *error) {
  (void)driver;
  stats_mount_table_clear(table);
  size_t entries = 0;
  sg_fs_stats *stats = sg_get_fs_stats_r(&entries);
  int code = check_list(stats, "file systems", error);
  for (size_t i = 0; i < entries && stats != NULL && code == 0; i++) {
    const sg_fs_stats *fs = &stats[i];
    struct stats_mount *mount =
        stats_mount_add(table, fs->device_name, fs->fs_type, fs->mnt_point, "");
    if (mount == NULL) {
      code = error_set(error, -ENOMEM, "out of memory");
      break;
    }
    mount->usage = (struct stats_usage){
        .size = fs->size,
        .free = fs->free,
        .available = fs->avail,
        .inodes = fs->total_inodes,
        .inodes_free = fs->free_inodes,
        .inodes_available = fs->avail_inodes,
    };
  }
  free_library_stats(stats);
  return code;
}

/* The library has only bytes, no operations and times. */
static int read_disk_stats(struct stats *all, struct error *error) {
  struct stats_disk_table *table = &all->disks;
  table->len = 0;
  size_t entries = 0;
  sg_disk_io_stats *disks = sg_get_disk_io_stats_r(&entries);
  int code = check_list(disks, "disks", error);
  for (size_t i = 0; i < entries && disks != NULL && code == 0; i++) {
    const char *name = disks[i].disk_name;
    struct stats_disk *to = stats_disk_add(table, name, strlen(name));
    code = to == NULL ? -ENOMEM : 0;
    if (to != NULL) {
      to->read_bytes = disks[i].read_bytes;
      to->write_bytes = disks[i].write_bytes;
    }
  }
  free_library_stats(disks);
  return code;
}

/* The library does not count dropped packets. */
static int read_interface_stats(struct stats *all, struct error *error) {
  struct stats_interface_table *table = &all->interfaces;
  table->len = 0;
  size_t entries = 0;
  sg_network_io_stats *stats = sg_get_network_io_stats_r(&entries);
  int code = check_list(stats, "interfaces", error);
  for (size_t i = 0; i < entries && stats != NULL && code == 0; i++) {
    const sg_network_io_stats *from = &stats[i];
    struct stats_interface *to = stats_interface_add(
        table, from->interface_name, strlen(from->interface_name));
    if (to == NULL) {
      code = -ENOMEM;
      break;
    }
    to->rx_bytes = from->rx;
    to->tx_bytes = from->tx;
    to->rx_packets = from->ipackets;
    to->tx_packets = from->opackets;
    to->rx_errors = from->ierrors;
    to->tx_errors = from->oerrors;
    to->collisions = from->collisions;
  }
  free_library_stats(stats);
  return code;
}

/* Drivers report one of these three where a link does not know its speed. */
static bool is_known_speed(unsigned long long megabits) {
  return megabits != 0 && megabits != UINT16_MAX && megabits != UINT32_MAX;
}

/* Looks each interface up in the sorted list of links: a machine may have a
 * thousand of them. */
static int read_link_stats(struct stats *all, struct error *error) {
  struct stats_interface_table *table = &all->interfaces;
  size_t entries = 0;
  sg_network_iface_stats *links = sg_get_network_iface_stats_r(&entries);
  int code = check_list(links, "links", error);
  if (links != NULL && entries > 0) {
    qsort(links, entries, sizeof(*links), sg_network_iface_compare_name);
  }
  for (size_t i = 0; i < table->len && links != NULL; i++) {
    struct stats_interface *to = &table->rows[i];
    const sg_network_iface_stats key = {.interface_name = to->name};
    const sg_network_iface_stats *link = bsearch(
        &key, links, entries, sizeof(*links), sg_network_iface_compare_name);
    if (link != NULL) {
      to->is_up = link->up == SG_IFACE_UP;
      to->speed_bits_per_s = is_known_speed(link->speed)
                                 ? link->speed * link->factor
                                 : STATS_UNKNOWN;
    }
  }
  free_library_stats(links);
  return code;
}

/* On the BSDs the library counts pages of swap. (On Linux it counts KiB of
 * block I/O; the driver reads /proc/vmstat there.) */
static int read_paging_stats(struct stats *all, struct error *error) {
  struct stats_paging *stats = &all->paging;
  STATS_CLEAR(stats);
  size_t entries = 0;
  sg_page_stats *pages = sg_get_page_stats_r(&entries);
  int code = check_result(pages, entries, "pages", error);
  if (code == 0) {
    stats->swap_in_pages = pages->pages_pagein;
    stats->swap_out_pages = pages->pages_pageout;
  }
  free_library_stats(pages);
  return code;
}

/* In whole seconds. */
static int read_uptime_stats(struct stats *all, struct error *error) {
  size_t entries = 0;
  sg_host_info *host = sg_get_host_info_r(&entries);
  int code = check_result(host, entries, "uptime", error);
  if (code == 0) {
    all->uptime_s = (double)host->uptime;
  }
  free_library_stats(host);
  return code;
}

static int read_user_stats(struct stats *all, struct error *error) {
  size_t entries = 0;
  sg_user_stats *users = sg_get_user_stats_r(&entries);
  int code = check_list(users, "users", error);
  all->users = users == NULL ? 0 : entries; /* no utmp: Debian 13 */
  free_library_stats(users);
  return code;
}

const struct source source_libstatgrab = {
    .read = {[STATS_CPU] = read_cpu_stats,
             [STATS_DISKS] = read_disk_stats,
             [STATS_INTERFACES] = read_interface_stats,
             [STATS_LINKS] = read_link_stats,
             [STATS_LOAD] = read_load_stats,
             [STATS_MEMORY] = read_memory_stats,
             [STATS_PAGING] = read_paging_stats,
             [STATS_PROCESSES] = read_process_stats,
             [STATS_UPTIME] = read_uptime_stats,
             [STATS_USERS] = read_user_stats},
    .read_mounts = read_mount_stats,
};

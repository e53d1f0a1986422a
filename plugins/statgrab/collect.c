/* SPDX-License-Identifier: MIT */
/* collect: libstatgrab as a source of facts; the only file that knows it. */
#include "statgrab/collect.h"

#include <errno.h>
#include <math.h>
#include <statgrab.h>
#include <stdlib.h>
#include <string.h>

#include "statgrab/tables.h"

static int fail(const char *what, struct error *error) {
  sg_error code = sg_get_error();
  const char *detail = sg_get_error_arg();
  return error_set(error, -EIO, "libstatgrab: %s: %s%s%s", what,
                   code == SG_ERROR_NONE ? "tells nothing" : sg_str_error(code),
                   detail == NULL || detail[0] == '\0' ? "" : ": ",
                   detail == NULL ? "" : detail);
}

/* Not sg_free_X(): in Debian's build those abort on what they do not know. */
static void release(void *stats) {
  if (stats != NULL) {
    (void)sg_free_stats_buf(stats);
  }
}

int collect_init(struct error *error) {
  /* 1: what cannot be set up, such as disks without permission, must not take
   * the rest down; with 0 a later sg_shutdown() would deadlock. */
  return sg_init(1) == SG_ERROR_NONE ? 0 : fail("cannot start", error);
}

void collect_fini(void) { (void)sg_shutdown(); }

static int read_swap(struct memory_facts *facts, struct error *error) {
  size_t entries = 0;
  sg_swap_stats *swap = sg_get_swap_stats_r(&entries);
  if (swap == NULL || entries == 0) {
    release(swap);
    return fail("swap", error);
  }
  facts->swap_total = swap->total;
  facts->swap_free = swap->free;
  release(swap);
  return 0;
}

static int read_memory(struct driver *driver, struct memory_facts *facts,
                       struct error *error) {
  (void)driver;
  memset(facts, 0xff, sizeof(*facts)); /* all FACT_UNKNOWN */
  size_t entries = 0;
  sg_mem_stats *memory = sg_get_mem_stats_r(&entries);
  if (memory == NULL || entries == 0 || memory->total == 0) {
    release(memory);
    return fail("memory", error);
  }
  facts->total = memory->total;
  facts->free = memory->free;
  facts->cached = memory->cache;
  facts->available = memory->total - memory->used;
  if (memory->used > memory->total) {
    facts->available = memory->free;
  }
  release(memory);
  return read_swap(facts, error);
}

static int read_online(struct cpu_facts *facts) {
  size_t entries = 0;
  sg_host_info *host = sg_get_host_info_r(&entries);
  if (host != NULL && entries > 0 && host->ncpus > 0) {
    facts->online = host->ncpus;
  }
  release(host);
  return 0;
}

static int read_cpu(struct driver *driver, struct cpu_facts *facts,
                    struct error *error) {
  (void)driver;
  cpu_facts_clear(facts);
  size_t entries = 0;
  sg_cpu_stats *cpu = sg_get_cpu_stats_r(&entries);
  if (cpu == NULL || entries == 0) {
    release(cpu);
    return fail("cpu", error);
  }
  facts->all.states[CPU_USER] = cpu->user;
  facts->all.states[CPU_NICE] = cpu->nice;
  facts->all.states[CPU_SYSTEM] = cpu->kernel;
  facts->all.states[CPU_IDLE] = cpu->idle;
  facts->all.states[CPU_WAIT] = cpu->iowait;
  facts->context_switches = cpu->context_switches;
  facts->interrupts = cpu->interrupts;
  release(cpu);
  return read_online(facts);
}

static int read_load(struct driver *driver, struct load_facts *facts,
                     struct error *error) {
  (void)driver;
  size_t entries = 0;
  sg_load_stats *load = sg_get_load_stats_r(&entries);
  if (load == NULL || entries == 0) {
    release(load);
    return fail("load", error);
  }
  *facts = (struct load_facts){load->min1, load->min5, load->min15};
  release(load);
  return 0;
}

static enum process_state state_of(sg_process_state state) {
  switch (state) {
  case SG_PROCESS_STATE_RUNNING:
    return PROCESS_RUNNING;
  case SG_PROCESS_STATE_SLEEPING:
    return PROCESS_SLEEPING;
  case SG_PROCESS_STATE_STOPPED:
    return PROCESS_STOPPED;
  case SG_PROCESS_STATE_ZOMBIE:
    return PROCESS_ZOMBIE;
  case SG_PROCESS_STATE_UNKNOWN:
    return PROCESS_IDLE; /* Linux' idle kernel threads are unknown to it */
  }
  return PROCESS_IDLE;
}

/* Counted here: sg_get_process_count_r() of 0.92 reads beyond its array. */
static int read_processes(struct driver *driver, bool with_states,
                          struct process_facts *facts, struct error *error) {
  (void)driver;
  (void)with_states;
  size_t entries = 0;
  sg_process_stats *processes = sg_get_process_stats_r(&entries);
  if (processes == NULL || entries == 0) {
    release(processes);
    return fail("processes", error);
  }
  *facts = (struct process_facts){.count = entries, .threads = FACT_UNKNOWN};
  facts->states[PROCESS_BLOCKED] = FACT_UNKNOWN;
  for (size_t i = 0; i < entries; i++) {
    facts->states[state_of(processes[i].state)]++;
  }
  release(processes);
  return 0;
}

static int add_mount(struct mount_table *table, const sg_fs_stats *fs) {
  struct mount *mount =
      mount_table_add(table, fs->device_name, fs->fs_type, fs->mnt_point, "");
  if (mount == NULL) {
    return -ENOMEM;
  }
  mount->usage = (struct usage_facts){
      .size = fs->size,
      .free = fs->free,
      .available = fs->avail,
      .inodes = fs->total_inodes,
      .inodes_free = fs->free_inodes,
      .inodes_available = fs->avail_inodes,
  };
  return 0;
}

/* Asks every file system; one that does not answer holds all of them up. */
static int read_mounts(struct driver *driver, struct mount_table *table,
                       struct error *error) {
  (void)driver;
  mount_table_clear(table);
  size_t entries = 0;
  sg_fs_stats *stats = sg_get_fs_stats_r(&entries);
  if (stats == NULL && sg_get_error() != SG_ERROR_NONE) {
    return fail("file systems", error);
  }
  int code = 0;
  for (size_t i = 0; i < entries && stats != NULL && code == 0; i++) {
    code = add_mount(table, &stats[i]);
  }
  release(stats);
  return code == 0 ? 0 : error_set(error, code, "out of memory");
}

static int read_disks(struct driver *driver, struct disk_table *table,
                      struct error *error) {
  (void)driver;
  table->len = 0;
  size_t entries = 0;
  sg_disk_io_stats *disks = sg_get_disk_io_stats_r(&entries);
  if (disks == NULL && sg_get_error() != SG_ERROR_NONE) {
    return fail("disks", error);
  }
  int code = 0;
  for (size_t i = 0; i < entries && disks != NULL && code == 0; i++) {
    const char *name = disks[i].disk_name;
    struct disk_facts *to = disk_table_add(table, name, strlen(name));
    if (to == NULL) {
      code = error_set(error, -ENOMEM, "out of memory");
    } else {
      to->read_bytes = disks[i].read_bytes;
      to->write_bytes = disks[i].write_bytes;
    }
  }
  release(disks);
  return code;
}

static void copy_interface(struct interface_facts *to,
                           const sg_network_io_stats *from) {
  to->rx_bytes = from->rx;
  to->tx_bytes = from->tx;
  to->rx_packets = from->ipackets;
  to->tx_packets = from->opackets;
  to->rx_errors = from->ierrors;
  to->tx_errors = from->oerrors;
  to->collisions = from->collisions;
}

static int read_interfaces(struct driver *driver, struct interface_table *table,
                           struct error *error) {
  (void)driver;
  table->len = 0;
  size_t entries = 0;
  sg_network_io_stats *stats = sg_get_network_io_stats_r(&entries);
  if (stats == NULL && sg_get_error() != SG_ERROR_NONE) {
    return fail("interfaces", error);
  }
  int code = 0;
  for (size_t i = 0; i < entries && stats != NULL && code == 0; i++) {
    const char *name = stats[i].interface_name;
    struct interface_facts *to = interface_table_add(table, name, strlen(name));
    if (to == NULL) {
      code = error_set(error, -ENOMEM, "out of memory");
    } else {
      copy_interface(to, &stats[i]);
    }
  }
  release(stats);
  return code;
}

/* Of a link that does not know its speed, drivers say one of these. */
static bool is_speed(unsigned long long megabits) {
  return megabits != 0 && megabits != UINT16_MAX && megabits != UINT32_MAX;
}

static int read_links(struct driver *driver, struct interface_table *table,
                      struct error *error) {
  (void)driver;
  size_t entries = 0;
  sg_network_iface_stats *links = sg_get_network_iface_stats_r(&entries);
  if (links == NULL && sg_get_error() != SG_ERROR_NONE) {
    return fail("links", error);
  }
  if (links != NULL && entries > 0) {
    qsort(links, entries, sizeof(*links), sg_network_iface_compare_name);
  }
  for (size_t i = 0; i < table->len && links != NULL; i++) {
    struct interface_facts *to = &table->rows[i];
    const sg_network_iface_stats key = {.interface_name = to->name};
    const sg_network_iface_stats *link = bsearch(
        &key, links, entries, sizeof(*links), sg_network_iface_compare_name);
    if (link != NULL) {
      to->is_up = link->up == SG_IFACE_UP;
      to->speed_bits_per_s =
          is_speed(link->speed) ? link->speed * link->factor : FACT_UNKNOWN;
    }
  }
  release(links);
  return 0;
}

/* On the BSDs these are pages of swap. */
static int read_paging(struct driver *driver, struct paging_facts *facts,
                       struct error *error) {
  (void)driver;
  memset(facts, 0xff, sizeof(*facts)); /* all FACT_UNKNOWN */
  size_t entries = 0;
  sg_page_stats *pages = sg_get_page_stats_r(&entries);
  if (pages == NULL || entries == 0) {
    release(pages);
    return fail("pages", error);
  }
  facts->swap_in_pages = pages->pages_pagein;
  facts->swap_out_pages = pages->pages_pageout;
  release(pages);
  return 0;
}

static int read_uptime(struct driver *driver, double *ret_uptime_s,
                       struct error *error) {
  (void)driver;
  size_t entries = 0;
  sg_host_info *host = sg_get_host_info_r(&entries);
  if (host == NULL || entries == 0) {
    release(host);
    return fail("uptime", error);
  }
  *ret_uptime_s = (double)host->uptime;
  release(host);
  return 0;
}

static int read_users(struct driver *driver, uint64_t *ret_users,
                      struct error *error) {
  (void)driver;
  size_t entries = 0;
  sg_user_stats *users = sg_get_user_stats_r(&entries);
  if (users == NULL && sg_get_error() != SG_ERROR_NONE) {
    return fail("users", error);
  }
  *ret_users = users == NULL ? 0 : entries; /* Debian 13 counts nobody */
  release(users);
  return 0;
}

const struct source libstatgrab_source = {
    .read_cpu = read_cpu,
    .read_disks = read_disks,
    .read_interfaces = read_interfaces,
    .read_links = read_links,
    .read_load = read_load,
    .read_memory = read_memory,
    .read_mounts = read_mounts,
    .asks_file_systems = true,
    .read_paging = read_paging,
    .read_processes = read_processes,
    .read_uptime = read_uptime,
    .read_users = read_users,
};

/* SPDX-License-Identifier: MIT */
/* read_tables: the files that have a line for each processor, disk or network
 * interface. */
#include <errno.h>
#include <string.h>

#include "statgrab/linux/linux_read.h"

/* Where the columns of a line are stored: offsets of uint64_t fields. */
#define SKIPPED_COLUMN SIZE_MAX

/* Reads LEN columns into ROW. False if there are fewer. */
static bool parse_columns(struct scan *line, const size_t *columns, size_t len,
                          void *row) {
  uint64_t number;
  for (size_t i = 0; i < len; i++) {
    if (!scan_number(line, &number)) {
      return false;
    }
    if (columns[i] != SKIPPED_COLUMN) {
      memcpy((char *)row + columns[i], &number, sizeof(number));
    }
  }
  return true;
}

/* ---- /proc/stat ---- */

/* Older kernels have fewer columns: the other states stay unknown. */
static bool parse_cpu_ticks(struct scan *line, struct stats_cpu_ticks *ticks) {
  *ticks = stats_cpu_ticks_unknown();
  size_t found = 0;
  while (found < CPU_STATES && scan_number(line, &ticks->states[found])) {
    found++;
  }
  return found > CPU_IDLE; /* kernels before 2.6 end behind idle */
}

/* Behind "cpu": "  1 2 3 ..." is the sum of all, "0 1 2 3 ..." is one. */
static int parse_processor_line(struct scan *line, struct stats_cpu *stats) {
  struct stats_cpu_ticks ticks;
  bool is_sum = line->at < line->end && *line->at == ' ';
  uint64_t number = 0;
  if ((!is_sum && !scan_number(line, &number)) ||
      number > STATS_CPU_NUMBER_MAX || !parse_cpu_ticks(line, &ticks)) {
    return -EBADMSG;
  }
  if (is_sum) {
    stats->all = ticks;
    return 0;
  }
  return stats_cpu_add(stats, (unsigned)number, &ticks);
}

/* Lines with other names, such as "softirq", are of no interest. */
static int parse_stat_line(struct scan *line, void *context) {
  struct stats_cpu *stats = context;
  if (scan_literal(line, "cpu")) {
    return parse_processor_line(line, stats);
  }
  const struct scan_field fields[] = {
      {"intr", &stats->interrupts},
      {"ctxt", &stats->context_switches},
      {"processes", &stats->forks},
      {NULL, NULL},
  };
  return scan_field(line, fields);
}

/* Every kernel has these lines. Returns the name of one that is not there. */
static const char *find_missing_line(const struct stats_cpu *stats) {
  return stats->all.states[CPU_IDLE] == STATS_UNKNOWN ? "cpu line"
         : stats->interrupts == STATS_UNKNOWN         ? "intr"
         : stats->context_switches == STATS_UNKNOWN   ? "ctxt"
         : stats->forks == STATS_UNKNOWN              ? "processes"
                                                      : NULL;
}

/* libstatgrab has no interrupt, softirq, steal and guest time, and no single
 * processors. */
int linux_read_cpu(struct stats *all, struct error *error) {
  struct stats_cpu *stats = &all->cpu;
  stats_cpu_clear(stats);
  int code =
      linux_read_lines(all->driver, LINUX_STAT, parse_stat_line, stats, error);
  if (source_has_data(code) && stats->each_len > 0) {
    stats->online = stats->each_len;
  }
  const char *missing = find_missing_line(stats);
  return code == 0 && missing != NULL
             ? linux_read_fail_malformed(all->driver, LINUX_STAT, missing,
                                         error)
             : code;
}

/* ---- /proc/diskstats; libstatgrab has neither operations nor times ---- */

/* The kernel counts sectors of this size, whatever the disk's own are. */
#define SECTOR_BYTES 512

/* Behind the name, Documentation/admin-guide/iostats.rst. The bytes are first
 * stored as sectors. */
static const size_t disk_columns[] = {
    offsetof(struct stats_disk, read_ops),
    offsetof(struct stats_disk, read_merged),
    offsetof(struct stats_disk, read_bytes),
    offsetof(struct stats_disk, read_ms),
    offsetof(struct stats_disk, write_ops),
    offsetof(struct stats_disk, write_merged),
    offsetof(struct stats_disk, write_bytes),
    offsetof(struct stats_disk, write_ms),
    offsetof(struct stats_disk, in_flight),
    offsetof(struct stats_disk, io_ms),
    offsetof(struct stats_disk, weighted_ms),
};

/* "8 0 sda 1 2 3 ...": device numbers, name, columns. */
static int parse_disk_line(struct scan *line, void *context) {
  struct stats_disk_table *table = context;
  struct scan major, minor, name;
  if (!scan_word(line, &major) || !scan_word(line, &minor) ||
      !scan_word(line, &name)) {
    return -EBADMSG;
  }
  struct stats_disk *disk =
      stats_disk_add(table, name.at, (size_t)(name.end - name.at));
  if (disk == NULL) {
    return -ENOMEM;
  }
  if (!parse_columns(line, disk_columns,
                     sizeof(disk_columns) / sizeof(disk_columns[0]), disk)) {
    table->len--;
    return -EBADMSG;
  }
  disk->read_bytes *= SECTOR_BYTES;
  disk->write_bytes *= SECTOR_BYTES;
  return 0;
}

int linux_read_disks(struct stats *all, struct error *error) {
  all->disks.len = 0;
  int code = linux_read_lines(all->driver, LINUX_DISKSTATS, parse_disk_line,
                              &all->disks, error);
  return code == -ENODATA ? 0 : code; /* a machine without disks */
}

/* ---- /proc/net/dev; libstatgrab has no dropped packets ---- */

/* Behind the colon: what is received and what is sent (proc_pid_net(5)). */
static const size_t interface_columns[] = {
    offsetof(struct stats_interface, rx_bytes),
    offsetof(struct stats_interface, rx_packets),
    offsetof(struct stats_interface, rx_errors),
    offsetof(struct stats_interface, rx_dropped),
    SKIPPED_COLUMN, /* fifo */
    SKIPPED_COLUMN, /* frame */
    SKIPPED_COLUMN, /* compressed */
    SKIPPED_COLUMN, /* multicast */
    offsetof(struct stats_interface, tx_bytes),
    offsetof(struct stats_interface, tx_packets),
    offsetof(struct stats_interface, tx_errors),
    offsetof(struct stats_interface, tx_dropped),
    SKIPPED_COLUMN, /* fifo */
    offsetof(struct stats_interface, collisions),
};

/* "  eth0: 1 2 3 ..." */
static int parse_interface_line(struct scan *line, void *context) {
  struct stats_interface_table *table = context;
  while (line->at < line->end && *line->at == ' ') {
    line->at++;
  }
  const char *name = line->at; /* the kernel allows no colon in it */
  size_t length = (size_t)(line->end - name);
  const char *colon = memchr(name, ':', length);
  if (colon == NULL && memchr(name, '|', length) != NULL) {
    return 0; /* the heading */
  }
  if (colon == NULL || colon == name) {
    return -EBADMSG;
  }
  struct stats_interface *interface =
      stats_interface_add(table, name, (size_t)(colon - name));
  if (interface == NULL) {
    return -ENOMEM;
  }
  line->at = colon + 1;
  if (!parse_columns(line, interface_columns,
                     sizeof(interface_columns) / sizeof(interface_columns[0]),
                     interface)) {
    table->len--;
    return -EBADMSG;
  }
  return 0;
}

int linux_read_interfaces(struct stats *all, struct error *error) {
  all->interfaces.len = 0;
  return linux_read_lines(all->driver, LINUX_NET_DEV, parse_interface_line,
                          &all->interfaces, error);
}

/* SPDX-License-Identifier: MIT */
/* metrics_device: values of disks, network interfaces and file systems. */
#include "statgrab/metrics.h"

#include <math.h>

#include "core/text.h"
/* ---- disks and network interfaces ---- */

/* False for a counter that has always been 0 or is not provided. */
static bool is_used_counter(uint64_t counter) {
  return counter != 0 && counter != STATS_UNKNOWN;
}

/* Like the native plugin, leaves out counters that have always been 0: half of
 * all would be those of loop devices. */
static void send_used_pair(const struct emitter *emitter, const char *type,
                           uint64_t first, uint64_t second) {
  if (first != 0 || second != 0) {
    emitter_send_counter_pair(emitter, type, "", first, second);
  }
}

static void send_disk(const struct stats_disk *disk,
                      const struct emitter *group) {
  char name[EMITTER_ITEM_BYTES];
  text_make_name(name, sizeof(name), disk->name);
  const struct emitter emitter = {group->sink, group->prefix, name};
  send_used_pair(&emitter, "disk_octets", disk->read_bytes, disk->write_bytes);
  send_used_pair(&emitter, "disk_ops", disk->read_ops, disk->write_ops);
  send_used_pair(&emitter, "disk_merged", disk->read_merged,
                 disk->write_merged);
  send_used_pair(&emitter, "disk_io_time", disk->io_ms, disk->weighted_ms);
  /* psutil's sum; the native disk plugin's disk_time is an average. */
  send_used_pair(&emitter, "disk_time", disk->read_ms, disk->write_ms);
  emitter_send_amount(&emitter, "pending_operations", "", disk->in_flight);
}

void metrics_send_disks(const struct stats_disk_table *table,
                        bool ignore_selected, const struct ignorelist *selected,
                        const struct emitter *emitter) {
  for (size_t i = 0; i < table->len; i++) {
    const struct stats_disk *disk = &table->rows[i];
    bool was_used =
        is_used_counter(disk->read_ops) || is_used_counter(disk->write_ops) ||
        is_used_counter(disk->read_bytes) || is_used_counter(disk->write_bytes);
    if (was_used && ignorelist_selects(selected, disk->name, ignore_selected)) {
      send_disk(disk, emitter);
    }
  }
}

static void send_interface(const struct stats_interface *link,
                           const struct emitter *group) {
  char name[EMITTER_ITEM_BYTES];
  text_make_name(name, sizeof(name), link->name);
  const struct emitter emitter = {group->sink, group->prefix, name};
  emitter_send_counter_pair(&emitter, "if_octets", "", link->rx_bytes,
                            link->tx_bytes);
  emitter_send_counter_pair(&emitter, "if_packets", "", link->rx_packets,
                            link->tx_packets);
  emitter_send_counter_pair(&emitter, "if_errors", "", link->rx_errors,
                            link->tx_errors);
  emitter_send_counter_pair(&emitter, "if_dropped", "", link->rx_dropped,
                            link->tx_dropped);
  emitter_send_counter(&emitter, "if_collisions", "", link->collisions);
  emitter_send_amount(&emitter, "bool", "up", link->is_up);
  emitter_send_amount(&emitter, "gauge", "speed", link->speed_bits_per_s);
}

void metrics_send_interfaces(const struct stats_interface_table *table,
                             bool ignore_selected,
                             const struct ignorelist *selected,
                             const struct emitter *emitter) {
  for (size_t i = 0; i < table->len; i++) {
    const struct stats_interface *interface = &table->rows[i];
    if (ignorelist_selects(selected, interface->name, ignore_selected)) {
      send_interface(interface, emitter);
    }
  }
}

/* ---- file systems ---- */

/* Bytes or inodes. They add up, even if a file system reports more free than
 * there is in total. */
struct usage_parts {
  double used;
  double free;     /* for everybody */
  double reserved; /* for root */
};

/* Corrects numbers that contradict each other, as some NFS servers report. */
static struct usage_parts split_usage(uint64_t total, uint64_t free,
                                      uint64_t available) {
  free = free < available ? available : free;
  total = total < free ? free : total;
  return (struct usage_parts){
      .used = (double)(total - free),
      .free = (double)available,
      .reserved = (double)(free - available),
  };
}

/* Without the space reserved for root, as df(1) and psutil's disk_usage():
 * users can write no more at 100 %. NaN where there is nothing to fill. */
static double get_used_percent(const struct usage_parts *bytes) {
  double total = bytes->used + bytes->free;
  return total > 0 ? 100.0 * bytes->used / total : (double)NAN;
}

/* unit: factor of each part. */
static void send_usage_parts(const struct usage_parts *parts, const char *type,
                             double unit, const struct emitter *emitter) {
  emitter_send_gauge(emitter, type, "free", parts->free * unit);
  emitter_send_gauge(emitter, type, "reserved", parts->reserved * unit);
  emitter_send_gauge(emitter, type, "used", parts->used * unit);
}

/* The parts in percent of the whole. */
static void send_usage_percent(const struct usage_parts *parts,
                               const char *type,
                               const struct emitter *emitter) {
  double total = parts->used + parts->free + parts->reserved;
  send_usage_parts(parts, type, 100.0 / total, emitter);
}

void metrics_send_filesystem(const struct stats_usage *stats, const char *name,
                             const struct df_options *options,
                             const struct emitter *group) {
  if (stats->size == 0 || stats->size == STATS_UNKNOWN) {
    return;
  }
  const struct emitter emitter = {group->sink, group->prefix, name};
  struct usage_parts bytes =
      split_usage(stats->size, stats->free, stats->available);
  double used = get_used_percent(&bytes);
  emitter_send_gauge(&emitter, "percent", "used", used);
  emitter_send_gauge(&emitter, "percent", "free", 100.0 - used);
  if (options->values_absolute) {
    send_usage_parts(&bytes, "df_complex", 1, &emitter);
  }
  if (options->values_percentage) {
    send_usage_percent(&bytes, "percent_bytes", &emitter);
  }
  bool has_inodes = stats->inodes != 0 && stats->inodes != STATS_UNKNOWN;
  if (options->report_inodes && has_inodes) {
    struct usage_parts inodes =
        split_usage(stats->inodes, stats->inodes_free, stats->inodes_available);
    send_usage_percent(&inodes, "percent_inodes", &emitter);
    if (options->values_absolute) {
      send_usage_parts(&inodes, "df_inodes", 1, &emitter);
    }
  }
}

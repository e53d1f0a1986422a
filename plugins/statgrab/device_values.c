/* SPDX-License-Identifier: MIT */
/* device_values: what is told of disks and of network interfaces. */
#include "statgrab/device_values.h"

#include "statgrab/names.h"

static bool is_used(uint64_t counter) {
  return counter != 0 && counter != FACT_UNKNOWN;
}

/* As the native plugin does, counters that never moved are left out: half of
 * them would be sent for loop devices alone. */
static void put_pair(const struct outlet *outlet, const char *item,
                     const char *type, uint64_t first, uint64_t second) {
  if (is_used(first) || is_used(second)) {
    outlet_put_counters(outlet, item, type, "", first, second);
  }
}

static void put_disk(const struct disk_facts *disk,
                     const struct outlets *outlets) {
  const struct outlet *outlet = &outlets->common;
  char item[ITEM_NAME_BYTES];
  name_clean(disk->name, item);
  put_pair(outlet, item, "disk_octets", disk->read_bytes, disk->write_bytes);
  put_pair(outlet, item, "disk_ops", disk->read_ops, disk->write_ops);
  put_pair(outlet, item, "disk_merged", disk->read_merged, disk->write_merged);
  put_pair(outlet, item, "disk_io_time", disk->io_ms, disk->weighted_ms);
  outlet_put_amount(outlet, item, "pending_operations", "", disk->in_flight);
  /* The native plugin's disk_time is an average, this is psutil's sum. */
  put_pair(&outlets->own, item, "disk_time", disk->read_ms, disk->write_ms);
}

void disks_put(const struct disk_table *table,
               const struct disk_options *options,
               const struct selection *selection,
               const struct outlets *outlets) {
  for (size_t i = 0; i < table->len; i++) {
    const struct disk_facts *disk = &table->rows[i];
    bool has_worked = is_used(disk->read_ops) || is_used(disk->write_ops) ||
                      is_used(disk->read_bytes) || is_used(disk->write_bytes);
    if (has_worked &&
        selection_takes(selection, disk->name, options->ignore_selected)) {
      put_disk(disk, outlets);
    }
  }
}

static void put_interface(const struct interface_facts *interface,
                          const struct outlets *outlets) {
  const struct outlet *outlet = &outlets->common;
  char item[ITEM_NAME_BYTES];
  name_clean(interface->name, item);
  outlet_put_counters(outlet, item, "if_octets", "", interface->rx_bytes,
                      interface->tx_bytes);
  outlet_put_counters(outlet, item, "if_packets", "", interface->rx_packets,
                      interface->tx_packets);
  outlet_put_counters(outlet, item, "if_errors", "", interface->rx_errors,
                      interface->tx_errors);
  outlet_put_counters(outlet, item, "if_dropped", "", interface->rx_dropped,
                      interface->tx_dropped);
  outlet_put_counter(&outlets->own, item, "if_collisions", "",
                     interface->collisions);
  outlet_put_amount(&outlets->own, item, "bool", "up", interface->is_up);
  outlet_put_amount(&outlets->own, item, "gauge", "speed",
                    interface->speed_bits_per_s);
}

void interfaces_put(const struct interface_table *table,
                    const struct interface_options *options,
                    const struct selection *selection,
                    const struct outlets *outlets) {
  for (size_t i = 0; i < table->len; i++) {
    const struct interface_facts *interface = &table->rows[i];
    bool is_active =
        is_used(interface->rx_packets) || is_used(interface->tx_packets);
    if ((is_active || options->report_inactive) &&
        selection_takes(selection, interface->name, options->ignore_selected)) {
      put_interface(interface, outlets);
    }
  }
}

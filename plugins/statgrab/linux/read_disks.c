/* SPDX-License-Identifier: MIT */
/* read_disks: /proc/diskstats; libstatgrab knows neither operations nor
 * times. */
#include <errno.h>

#include "statgrab/linux/linux_driver.h"
#include "statgrab/tables.h"

/* The kernel counts in these, whatever the disk's own sectors. */
#define SECTOR_BYTES 512

/* The columns behind the name, Documentation/admin-guide/iostats.rst. */
enum column {
  READ_OPS,
  READ_MERGED,
  READ_SECTORS,
  READ_MS,
  WRITE_OPS,
  WRITE_MERGED,
  WRITE_SECTORS,
  WRITE_MS,
  IN_FLIGHT,
  IO_MS,
  WEIGHTED_MS,
  COLUMNS,
};

static int take_line(struct scan *line, void *facts) {
  struct disk_table *table = facts;
  struct scan_word major, minor, name;
  uint64_t columns[COLUMNS];
  if (!scan_word(line, &major) || !scan_word(line, &minor) ||
      !scan_word(line, &name) || !scan_numbers(line, columns, COLUMNS)) {
    return -EBADMSG;
  }
  struct disk_facts *disk = disk_table_add(table, name.text, name.length);
  if (disk == NULL) {
    return -ENOMEM;
  }
  disk->read_bytes = columns[READ_SECTORS] * SECTOR_BYTES;
  disk->write_bytes = columns[WRITE_SECTORS] * SECTOR_BYTES;
  disk->read_ops = columns[READ_OPS];
  disk->write_ops = columns[WRITE_OPS];
  disk->read_merged = columns[READ_MERGED];
  disk->write_merged = columns[WRITE_MERGED];
  disk->read_ms = columns[READ_MS];
  disk->write_ms = columns[WRITE_MS];
  disk->io_ms = columns[IO_MS];
  disk->weighted_ms = columns[WEIGHTED_MS];
  disk->in_flight = columns[IN_FLIGHT];
  return 0;
}

int linux_read_disks(struct driver *driver, struct disk_table *table,
                     struct error *error) {
  struct scan text;
  table->len = 0;
  int code = proc_file_read(&driver->diskstats, driver->root, &text, error);
  if (code == -ENODATA) {
    return 0; /* a machine without disks */
  }
  return code != 0 ? code
                   : linux_take_lines(driver, &driver->diskstats, text,
                                      take_line, table, error);
}

/* SPDX-License-Identifier: MIT */
/* read_interfaces: /proc/net/dev; libstatgrab does not tell what was dropped.
 */
#include <errno.h>
#include <string.h>

#include "statgrab/linux/linux_driver.h"
#include "statgrab/tables.h"

/* The columns behind the colon. */
enum column {
  RX_BYTES,
  RX_PACKETS,
  RX_ERRORS,
  RX_DROPPED,
  RX_FIFO,
  RX_FRAME,
  RX_COMPRESSED,
  RX_MULTICAST,
  TX_BYTES,
  TX_PACKETS,
  TX_ERRORS,
  TX_DROPPED,
  TX_FIFO,
  TX_COLLISIONS,
  COLUMNS,
};

static int take_line(struct scan *line, struct interface_table *table) {
  while (line->at < line->end && *line->at == ' ') {
    line->at++;
  }
  const char *name = line->at; /* the kernel lets no colon into it */
  const char *colon = memchr(name, ':', (size_t)(line->end - name));
  if (colon == NULL || colon == name) {
    return 0;
  }
  line->at = colon + 1;
  uint64_t columns[COLUMNS];
  for (size_t i = 0; i < COLUMNS; i++) {
    if (!scan_number(line, &columns[i])) {
      return 0;
    }
  }
  struct interface_facts *to =
      interface_table_add(table, name, (size_t)(colon - name));
  if (to == NULL) {
    return -ENOMEM;
  }
  to->rx_bytes = columns[RX_BYTES];
  to->tx_bytes = columns[TX_BYTES];
  to->rx_packets = columns[RX_PACKETS];
  to->tx_packets = columns[TX_PACKETS];
  to->rx_errors = columns[RX_ERRORS];
  to->tx_errors = columns[TX_ERRORS];
  to->rx_dropped = columns[RX_DROPPED];
  to->tx_dropped = columns[TX_DROPPED];
  to->collisions = columns[TX_COLLISIONS];
  return 0;
}

int linux_read_interfaces(struct driver *driver, struct interface_table *table,
                          struct error *error) {
  struct scan text, line;
  int code = proc_file_read(&driver->net_dev, driver->root, &text, error);
  table->len = 0;
  while (code == 0 && scan_line(&text, &line)) {
    code = take_line(&line, table);
    if (code != 0) {
      return error_set(error, code, "out of memory");
    }
  }
  return code;
}

/* libstatgrab would tell of the links of this container, not of the
 * machine's: behind a RootFS they are left out. */
int linux_skip_links(struct driver *driver, struct interface_table *table,
                     struct error *error) {
  (void)driver;
  (void)table;
  (void)error;
  return 0;
}

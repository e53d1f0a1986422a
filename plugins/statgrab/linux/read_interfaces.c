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

static int take_line(struct scan *line, void *facts) {
  struct interface_table *table = facts;
  while (line->at < line->end && *line->at == ' ') {
    line->at++;
  }
  const char *name = line->at; /* the kernel lets no colon into it */
  size_t length = (size_t)(line->end - name);
  const char *colon = memchr(name, ':', length);
  if (colon == NULL && memchr(name, '|', length) != NULL) {
    return 0; /* the heading */
  }
  uint64_t columns[COLUMNS];
  line->at = colon == NULL ? line->end : colon + 1;
  if (colon == name || !scan_numbers(line, columns, COLUMNS)) {
    return -EBADMSG;
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
  struct scan text;
  table->len = 0;
  int code = proc_file_read(&driver->net_dev, driver->root, &text, error);
  return code != 0 ? code
                   : linux_take_lines(driver, &driver->net_dev, text, take_line,
                                      table, error);
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

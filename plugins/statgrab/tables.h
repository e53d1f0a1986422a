/* SPDX-License-Identifier: MIT */
/* tables: the facts of which there are several, as arrays that grow. */
#ifndef STATGRAB_TABLES_H
#define STATGRAB_TABLES_H

#include <stddef.h>

#include "statgrab/facts.h"

#define CPU_NUMBER_MAX 65535u

/* Makes room for one more row of BYTES behind LEN of them.
 * rows: points to the table's pointer. Returns 0 or -ENOMEM, then nothing has
 * changed. */
int table_grow(void *rows, size_t len, size_t *capacity, size_t bytes);

/* Ticks of which nothing is known. */
struct cpu_ticks cpu_ticks_unknown(void);

/* Forgets all readings and keeps the memory. */
void cpu_facts_clear(struct cpu_facts *facts);

/* Adds one processor. Returns 0 or -ENOMEM. */
int cpu_facts_add(struct cpu_facts *facts, unsigned number,
                  const struct cpu_ticks *ticks);

/* Adds a row of which only the name is known; what is too long of it is cut.
 * The row is valid until the next call. Returns NULL when memory is short. */
struct disk_facts *disk_table_add(struct disk_table *table, const char *name,
                                  size_t name_length);
struct interface_facts *interface_table_add(struct interface_table *table,
                                            const char *name,
                                            size_t name_length);

/* Free what the tables hold. Accept NULL. */
void cpu_facts_fini(struct cpu_facts *facts);
void disk_table_fini(struct disk_table *table);
void interface_table_fini(struct interface_table *table);

#endif

/* SPDX-License-Identifier: MIT */
/* tables: the facts of which there are several, as arrays that grow. */
#include "statgrab/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int table_grow(void *rows, size_t len, size_t *capacity, size_t bytes) {
  void *larger;
  if (len < *capacity) {
    return 0;
  }
  size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
  memcpy(&larger, rows, sizeof(larger)); /* a pointer to rows of any type */
  larger = realloc(larger, wanted * bytes);
  if (larger == NULL) {
    return -ENOMEM;
  }
  memcpy(rows, &larger, sizeof(larger));
  *capacity = wanted;
  return 0;
}

struct cpu_ticks cpu_ticks_unknown(void) {
  struct cpu_ticks ticks;
  for (size_t i = 0; i < CPU_STATES; i++) {
    ticks.states[i] = FACT_UNKNOWN;
  }
  return ticks;
}

void cpu_facts_clear(struct cpu_facts *facts) {
  *facts = (struct cpu_facts){
      .all = cpu_ticks_unknown(),
      .each = facts->each,
      .each_capacity = facts->each_capacity,
      .online = FACT_UNKNOWN,
      .context_switches = FACT_UNKNOWN,
      .interrupts = FACT_UNKNOWN,
      .forks = FACT_UNKNOWN,
  };
}

int cpu_facts_add(struct cpu_facts *facts, unsigned number,
                  const struct cpu_ticks *ticks) {
  int code = table_grow(&facts->each, facts->each_len, &facts->each_capacity,
                        sizeof(*facts->each));
  if (code == 0) {
    facts->each[facts->each_len++] =
        (struct cpu_one){.number = number, .ticks = *ticks};
  }
  return code;
}

static void set_name(char to[FACT_NAME_BYTES], const char *name,
                     size_t length) {
  length = length < FACT_NAME_BYTES ? length : FACT_NAME_BYTES - 1;
  memcpy(to, name, length);
  to[length] = '\0';
}

struct disk_facts *disk_table_add(struct disk_table *table, const char *name,
                                  size_t name_length) {
  if (table_grow(&table->rows, table->len, &table->capacity,
                 sizeof(*table->rows)) != 0) {
    return NULL;
  }
  struct disk_facts *row = &table->rows[table->len++];
  memset(row, 0xff, sizeof(*row)); /* all FACT_UNKNOWN */
  set_name(row->name, name, name_length);
  return row;
}

struct interface_facts *interface_table_add(struct interface_table *table,
                                            const char *name,
                                            size_t name_length) {
  if (table_grow(&table->rows, table->len, &table->capacity,
                 sizeof(*table->rows)) != 0) {
    return NULL;
  }
  struct interface_facts *row = &table->rows[table->len++];
  memset(row, 0xff, sizeof(*row)); /* all FACT_UNKNOWN */
  set_name(row->name, name, name_length);
  return row;
}

void cpu_facts_fini(struct cpu_facts *facts) {
  if (facts != NULL) {
    free(facts->each);
    *facts = (struct cpu_facts){0};
  }
}

void disk_table_fini(struct disk_table *table) {
  if (table != NULL) {
    free(table->rows);
    *table = (struct disk_table){0};
  }
}

void interface_table_fini(struct interface_table *table) {
  if (table != NULL) {
    free(table->rows);
    *table = (struct interface_table){0};
  }
}

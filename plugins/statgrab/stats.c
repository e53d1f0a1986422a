/* SPDX-License-Identifier: MIT */
/* stats: the growing arrays of processors, disks, interfaces and mounts. */
#include "statgrab/stats.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* Makes room for one more row of BYTES behind LEN rows.
 * rows: points to the table's pointer, of any type. Returns 0 or -ENOMEM; then
 * nothing has changed. */
static int reserve_row(void *rows, size_t len, size_t *capacity, size_t bytes) {
  void *larger;
  if (len < *capacity) {
    return 0;
  }
  size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
  memcpy(&larger, rows, sizeof(larger));
  larger = realloc(larger, wanted * bytes);
  if (larger == NULL) {
    return -ENOMEM;
  }
  memcpy(rows, &larger, sizeof(larger));
  *capacity = wanted;
  return 0;
}

/* ---- processors ---- */

struct stats_cpu_ticks stats_cpu_ticks_unknown(void) {
  struct stats_cpu_ticks ticks;
  STATS_CLEAR(&ticks);
  return ticks;
}

void stats_cpu_clear(struct stats_cpu *cpu) {
  struct stats_cpu last = *cpu;
  STATS_CLEAR(cpu);
  cpu->each = last.each;
  cpu->each_capacity = last.each_capacity;
  cpu->each_len = 0;
}

int stats_cpu_add(struct stats_cpu *cpu, unsigned number,
                  const struct stats_cpu_ticks *ticks) {
  int code = reserve_row(&cpu->each, cpu->each_len, &cpu->each_capacity,
                         sizeof(*cpu->each));
  if (code == 0) {
    cpu->each[cpu->each_len++] =
        (struct stats_cpu_one){.number = number, .ticks = *ticks};
  }
  return code;
}

/* Swaps the memory, too: nothing is allocated once both have grown. */
void stats_exchange_cpu(struct stats *stats) {
  struct stats_cpu last = stats->cpu;
  stats->cpu = stats->cpu_before;
  stats->cpu_before = last;
}

void stats_cgroup_clear(struct stats_cgroup *cgroup) {
  STATS_CLEAR(cgroup);
  cgroup->cpu_quota = (double)NAN;
}

/* ---- disks and interfaces ---- */

/* Adds a row to a table whose rows, of BYTES each, begin with their name; the
 * other arguments are as for reserve_row() and stats_disk_add(). */
static void *add_named_row(void *rows, size_t *len, size_t *capacity,
                           size_t bytes, const char *name, size_t length) {
  char *first;
  if (reserve_row(rows, *len, capacity, bytes) != 0) {
    return NULL;
  }
  memcpy(&first, rows, sizeof(first));
  char *row = first + (*len)++ * bytes;
  memset(row, 0xff, bytes); /* all counters are STATS_UNKNOWN */
  length = length < STATS_NAME_BYTES ? length : STATS_NAME_BYTES - 1;
  memcpy(row, name, length);
  row[length] = '\0';
  return row;
}

struct stats_disk *stats_disk_add(struct stats_disk_table *table,
                                  const char *name, size_t name_length) {
  return add_named_row(&table->rows, &table->len, &table->capacity,
                       sizeof(*table->rows), name, name_length);
}

struct stats_interface *stats_interface_add(struct stats_interface_table *table,
                                            const char *name,
                                            size_t name_length) {
  return add_named_row(&table->rows, &table->len, &table->capacity,
                       sizeof(*table->rows), name, name_length);
}

/* ---- control groups ---- */

static void free_groups(struct stats_group *rows, size_t len) {
  for (size_t i = 0; i < len; i++) {
    free(rows[i].path);
  }
  free(rows);
}

void stats_group_table_begin_scan(struct stats_group_table *table) {
  table->old = table->rows;
  table->old_len = table->len;
  table->old_next = 0;
  table->rows = NULL;
  table->len = 0;
  table->capacity = 0;
}

/* The groups are found in nearly the same order each time. */
static const struct stats_group *find_old_group(struct stats_group_table *table,
                                                const char *path) {
  for (size_t i = 0; i < table->old_len; i++) {
    size_t at = (table->old_next + i) % table->old_len;
    if (strcmp(table->old[at].path, path) == 0) {
      table->old_next = at + 1;
      return &table->old[at];
    }
  }
  return NULL;
}

struct stats_group *stats_group_add(struct stats_group_table *table,
                                    const char *name, const char *path) {
  char *copy = strdup(path);
  if (copy == NULL || reserve_row(&table->rows, table->len, &table->capacity,
                                  sizeof(*table->rows)) != 0) {
    free(copy);
    return NULL;
  }
  const struct stats_group *old = find_old_group(table, path);
  struct stats_group *row = &table->rows[table->len++];
  STATS_CLEAR(row);
  if (old != NULL) {
    *row = *old;
  }
  row->path = copy;
  text_make_name(row->name, sizeof(row->name), name);
  return row;
}

void stats_group_table_end_scan(struct stats_group_table *table) {
  free_groups(table->old, table->old_len);
  table->old = NULL;
  table->old_len = 0;
}

/* ---- all ---- */

void stats_init(struct stats *stats) {
  *stats = (struct stats){0};
  stats_cpu_clear(&stats->cpu);
  stats_cpu_clear(&stats->cpu_before);
  stats_cgroup_clear(&stats->cgroup);
}

void stats_fini(struct stats *stats) {
  free(stats->cpu.each);
  free(stats->cpu_before.each);
  free(stats->disks.rows);
  free(stats->interfaces.rows);
  free_groups(stats->groups.rows, stats->groups.len);
  *stats = (struct stats){0};
}

/* ---- mounts ---- */

/* Accepts strings that could not be allocated. */
static void free_mount_strings(struct stats_mount *mount) {
  free(mount->device);
  free(mount->type);
  free(mount->name);
  free(mount->path);
}

/* Returns ROOT and NAME as one path, yours; "/" below ROOT is ROOT itself. */
static char *join_root_path(const char *root, const char *name) {
  size_t root_length = strlen(root);
  const char *rest = root_length > 0 && strcmp(name, "/") == 0 ? "" : name;
  size_t bytes = root_length + strlen(rest) + 1;
  char *path = malloc(bytes);
  if (path != NULL) {
    (void)snprintf(path, bytes, "%s%s", root, rest);
  }
  return path;
}

struct stats_mount *stats_mount_add(struct stats_mount_table *table,
                                    const char *device, const char *type,
                                    const char *name, const char *root) {
  if (reserve_row(&table->rows, table->len, &table->capacity,
                  sizeof(*table->rows)) != 0) {
    return NULL;
  }
  struct stats_mount *mount = &table->rows[table->len];
  *mount = (struct stats_mount){
      .id = STATS_UNKNOWN,
      .device = strdup(device),
      .type = strdup(type),
      .name = strdup(name),
      .path = join_root_path(root, name),
  };
  STATS_CLEAR(&mount->usage);
  if (mount->device == NULL || mount->type == NULL || mount->name == NULL ||
      mount->path == NULL) {
    free_mount_strings(mount);
    return NULL;
  }
  table->len++;
  return mount;
}

/* The generation changes even if the same rows follow: nobody compares
 * tables. */
void stats_mount_table_clear(struct stats_mount_table *table) {
  for (size_t i = 0; i < table->len; i++) {
    free_mount_strings(&table->rows[i]);
  }
  table->len = 0;
  table->generation++;
}

void stats_mount_table_fini(struct stats_mount_table *table) {
  stats_mount_table_clear(table);
  free(table->rows);
  *table = (struct stats_mount_table){0};
}

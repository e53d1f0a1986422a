/* SPDX-License-Identifier: MIT */
/* mounts: the table of what is mounted. */
#include "statgrab/mounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "statgrab/tables.h"

static void free_mount(struct mount *mount) {
  free(mount->device);
  free(mount->type);
  free(mount->name);
  free(mount->path);
}

/* ROOT and NAME as one path; the root directory of ROOT is ROOT itself. */
static char *join_path(const char *root, const char *name) {
  size_t root_length = strlen(root);
  const char *rest = root_length > 0 && strcmp(name, "/") == 0 ? "" : name;
  size_t bytes = root_length + strlen(rest) + 1;
  char *path = malloc(bytes);
  if (path != NULL) {
    (void)snprintf(path, bytes, "%s%s", root, rest);
  }
  return path;
}

static const struct usage_facts unknown_usage = {
    .size = FACT_UNKNOWN,
    .free = FACT_UNKNOWN,
    .available = FACT_UNKNOWN,
    .inodes = FACT_UNKNOWN,
    .inodes_free = FACT_UNKNOWN,
    .inodes_available = FACT_UNKNOWN,
};

struct mount *mount_table_add(struct mount_table *table, const char *device,
                              const char *type, const char *name,
                              const char *root) {
  if (table_grow(&table->rows, table->len, &table->capacity,
                 sizeof(*table->rows)) != 0) {
    return NULL;
  }
  struct mount *mount = &table->rows[table->len];
  *mount = (struct mount){
      .id = FACT_UNKNOWN,
      .device = strdup(device),
      .type = strdup(type),
      .name = strdup(name),
      .path = join_path(root, name),
      .usage = unknown_usage,
  };
  if (mount->device == NULL || mount->type == NULL || mount->name == NULL ||
      mount->path == NULL) {
    free_mount(mount);
    return NULL;
  }
  table->len++;
  return mount;
}

void mount_table_clear(struct mount_table *table) {
  for (size_t i = 0; i < table->len; i++) {
    free_mount(&table->rows[i]);
  }
  table->len = 0;
  table->generation++;
}

void mount_table_fini(struct mount_table *table) {
  if (table == NULL) {
    return;
  }
  mount_table_clear(table);
  free(table->rows);
  *table = (struct mount_table){0};
}

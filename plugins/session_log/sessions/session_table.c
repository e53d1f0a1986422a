/* SPDX-License-Identifier: MIT */
/* session_table: the open sessions of a log that names them, oldest first. */
#include "session_log/sessions/session_table.h"

#include <stdlib.h>
#include <string.h>

void session_table_init(struct session_table *table, size_t len_max,
                        uint64_t seed) {
  *table = (struct session_table){.len_max = len_max, .seed = seed};
}

void session_table_fini(struct session_table *table) {
  while (table->oldest != NULL) {
    session_table_remove(table, table->oldest);
  }
  hash_map_fini(&table->map);
}

uint64_t session_table_key(const struct session_table *table, int64_t pid,
                           const char *id, size_t id_bytes) {
  uint64_t seed = hash_map_hash_seeded(&pid, sizeof(pid), table->seed);
  return hash_map_hash_seeded(id, id_bytes, seed);
}

struct session_table_entry *
session_table_find(const struct session_table *table, uint64_t key) {
  return HASH_MAP_OWNER(
      hash_map_find_hashed(&table->map, key, &key, sizeof(key)),
      struct session_table_entry, node);
}

struct session_table_entry *session_table_add(struct session_table *table,
                                              uint64_t key, int64_t pid,
                                              const char *id, size_t id_bytes,
                                              int64_t opened_s,
                                              const char *file) {
  struct session_table_entry *entry =
      table->map.len < table->len_max ? calloc(1, sizeof(*entry)) : NULL;
  if (entry == NULL) {
    return NULL;
  }
  entry->key = key;
  if (hash_map_insert_hashed(&table->map, &entry->node, key, &entry->key,
                             sizeof(entry->key)) != 0) {
    free(entry);
    return NULL;
  }
  entry->opened_s = opened_s;
  entry->pid = pid;
  entry->depth = 1;
  entry->file = file == NULL ? NULL : strdup(file);
  size_t shown =
      id_bytes < sizeof(entry->id) ? id_bytes : sizeof(entry->id) - 1;
  memcpy(entry->id, id, shown);
  entry->older = table->newest;
  if (table->newest == NULL) {
    table->oldest = entry;
  } else {
    table->newest->newer = entry;
  }
  table->newest = entry;
  return entry;
}

void session_table_remove(struct session_table *table,
                          struct session_table_entry *entry) {
  hash_map_remove(&table->map, &entry->node);
  if (entry->older == NULL) {
    table->oldest = entry->newer;
  } else {
    entry->older->newer = entry->newer;
  }
  if (entry->newer == NULL) {
    table->newest = entry->older;
  } else {
    entry->newer->older = entry->older;
  }
  free(entry->file);
  free(entry);
}

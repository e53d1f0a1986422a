/* SPDX-License-Identifier: MIT */
/* session_table: the open sessions of a log that names them, oldest first. */
#ifndef SESSION_LOG_SESSIONS_SESSION_TABLE_H
#define SESSION_LOG_SESSIONS_SESSION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash_map.h"

/* Of a session's name as it is shown, with the NUL. */
#define SESSION_TABLE_ID_BYTES 40

/* One open session. */
struct session_table_entry {
  struct hash_node node;
  struct session_table_entry *older, *newer;
  uint64_t key; /* of pid and whole name */
  int64_t opened_s;
  int64_t failed_s; /* 0: no error so far */
  int64_t pid;
  char *file;     /* owned: where its opening was logged; NULL: not known */
  uint32_t depth; /* opened this many times under one name */
  bool is_leaked;
  bool is_unclosed; /* after its error */
  char id[SESSION_TABLE_ID_BYTES];
};

struct session_table {
  struct hash_map map; /* owns the entries */
  struct session_table_entry *oldest, *newest;
  size_t len_max;
  uint64_t seed; /* saved with the keys, so that they can be loaded */
};

void session_table_init(struct session_table *table, size_t len_max,
                        uint64_t seed);
void session_table_fini(struct session_table *table);

/* The session's key: pid and name together. */
uint64_t session_table_key(const struct session_table *table, int64_t pid,
                           const char *id, size_t id_bytes);

/* Returns NULL where there is none. */
struct session_table_entry *
session_table_find(const struct session_table *table, uint64_t key);

/* Adds a session that is not there, as the newest. file: copied.
 * Returns NULL when the table is full or memory short. */
struct session_table_entry *session_table_add(struct session_table *table,
                                              uint64_t key, int64_t pid,
                                              const char *id, size_t id_bytes,
                                              int64_t opened_s,
                                              const char *file);

/* Frees the entry. */
void session_table_remove(struct session_table *table,
                          struct session_table_entry *entry);

#endif

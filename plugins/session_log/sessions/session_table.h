/* SPDX-License-Identifier: MIT */
/* session_table: the open sessions of a log that names them, oldest first. */
#ifndef SESSION_LOG_SESSIONS_SESSION_TABLE_H
#define SESSION_LOG_SESSIONS_SESSION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_ID_BYTES                                                       \
  40 /* of an id that are kept for people, with the NUL */
#define SESSION_NONE UINT32_MAX

/* One open session; an index into the table names it as long as it is open. */
struct session {
  uint64_t key;
  int64_t opened_s;
  int64_t failed_s; /* 0: no error so far */
  int64_t pid;
  uint32_t file;  /* number of the one that it was opened in */
  uint32_t depth; /* opened this many times under one id */
  uint32_t next;  /* in its bucket, or in the list of free entries */
  uint32_t older, newer;
  bool is_leaked;
  bool is_unclosed; /* after its error */
  char id[SESSION_ID_BYTES];
};

struct session_table {
  struct session *sessions; /* owned: room entries */
  uint32_t *buckets;        /* owned: room entries, a power of two */
  size_t room;
  size_t len;
  size_t len_max;
  uint32_t free;
  uint32_t oldest, newest;
  uint64_t seed;
};

void session_table_init(struct session_table *table, size_t len_max,
                        uint64_t seed);
void session_table_fini(struct session_table *table);

/* The session's key: pid and id together. */
uint64_t session_table_key(const struct session_table *table, int64_t pid,
                           const char *id, size_t id_bytes);

/* Returns its index or SESSION_NONE. */
uint32_t session_table_find(const struct session_table *table, uint64_t key);

/* Adds a session that is not there, as the newest. Returns its index, or
 * SESSION_NONE when the table is full or memory short. */
uint32_t session_table_add(struct session_table *table, uint64_t key,
                           int64_t pid, const char *id, size_t id_bytes,
                           int64_t opened_s);

void session_table_remove(struct session_table *table, uint32_t index);

#endif

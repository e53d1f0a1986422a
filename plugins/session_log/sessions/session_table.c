/* SPDX-License-Identifier: MIT */
/* session_table: the open sessions of a log that names them, oldest first.
 * A hash table with chains over one array, and a list through it by age. */
#include "session_log/sessions/session_table.h"

#include <stdlib.h>
#include <string.h>

#include "session_log/hash.h"

#define ROOM_MIN 64

void session_table_init(struct session_table *table, size_t len_max,
                        uint64_t seed) {
  *table = (struct session_table){
      .len_max = len_max,
      .free = SESSION_NONE,
      .oldest = SESSION_NONE,
      .newest = SESSION_NONE,
      .seed = seed,
  };
}

void session_table_fini(struct session_table *table) {
  free(table->sessions);
  free(table->buckets);
  session_table_init(table, table->len_max, table->seed);
}

uint64_t session_table_key(const struct session_table *table, int64_t pid,
                           const char *id, size_t id_bytes) {
  return hash_bytes(id, id_bytes, table->seed ^ hash_mix((uint64_t)pid));
}

static uint32_t *bucket_of(const struct session_table *table, uint64_t key) {
  return &table->buckets[key & (table->room - 1)];
}

uint32_t session_table_find(const struct session_table *table, uint64_t key) {
  if (table->len == 0) {
    return SESSION_NONE;
  }
  uint32_t index = *bucket_of(table, key);
  while (index != SESSION_NONE && table->sessions[index].key != key) {
    index = table->sessions[index].next;
  }
  return index;
}

static void enter_bucket(struct session_table *table, uint32_t index) {
  uint32_t *bucket = bucket_of(table, table->sessions[index].key);
  table->sessions[index].next = *bucket;
  *bucket = index;
}

static bool grow(struct session_table *table) {
  size_t room = table->room == 0 ? ROOM_MIN : table->room * 2;
  struct session *sessions = realloc(table->sessions, room * sizeof(*sessions));
  if (sessions == NULL) {
    return false;
  }
  table->sessions = sessions;
  uint32_t *buckets = malloc(room * sizeof(*buckets));
  if (buckets == NULL) {
    return false;
  }
  free(table->buckets);
  table->buckets = buckets;
  memset(buckets, 0xff, room * sizeof(*buckets)); /* SESSION_NONE */
  size_t used = table->room;
  table->room = room;
  for (size_t i = 0; i < used; i++) { /* it grows only when it is full */
    enter_bucket(table, (uint32_t)i);
  }
  for (size_t i = room; i-- > used;) {
    sessions[i].next = table->free;
    table->free = (uint32_t)i;
  }
  return true;
}

uint32_t session_table_add(struct session_table *table, uint64_t key,
                           int64_t pid, const char *id, size_t id_bytes,
                           int64_t opened_s) {
  if (table->len >= table->len_max ||
      (table->free == SESSION_NONE && !grow(table))) {
    return SESSION_NONE;
  }
  uint32_t index = table->free;
  struct session *session = &table->sessions[index];
  table->free = session->next;
  *session = (struct session){
      .key = key,
      .opened_s = opened_s,
      .pid = pid,
      .depth = 1,
      .older = table->newest,
      .newer = SESSION_NONE,
  };
  size_t kept = id_bytes < SESSION_ID_BYTES ? id_bytes : SESSION_ID_BYTES - 1;
  memcpy(session->id, id, kept);
  if (table->newest == SESSION_NONE) {
    table->oldest = index;
  } else {
    table->sessions[table->newest].newer = index;
  }
  table->newest = index;
  enter_bucket(table, index);
  table->len++;
  return index;
}

static void leave_bucket(struct session_table *table, uint32_t index) {
  uint32_t *link = bucket_of(table, table->sessions[index].key);
  while (*link != index) {
    link = &table->sessions[*link].next;
  }
  *link = table->sessions[index].next;
}

void session_table_remove(struct session_table *table, uint32_t index) {
  struct session *session = &table->sessions[index];
  leave_bucket(table, index);
  if (session->older == SESSION_NONE) {
    table->oldest = session->newer;
  } else {
    table->sessions[session->older].newer = session->newer;
  }
  if (session->newer == SESSION_NONE) {
    table->newest = session->older;
  } else {
    table->sessions[session->newer].older = session->older;
  }
  session->next = table->free;
  table->free = index;
  table->len--;
}

/* SPDX-License-Identifier: MIT */
/* members: which pools a session is of, remembered for each combination of
 * database, role and application, so that fifty pools cost no more patterns a
 * session than one. Pure. */
#ifndef DBPOOL_MEMBERS_H
#define DBPOOL_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbpool/pool.h"
#include "dbpool/session.h"

/* Strings and array belong to the group. */
struct member_group {
  char *database;
  char *role;
  char *application;
  uint64_t hash;
  int64_t sessions;        /* of this round */
  struct pool_count count; /* over them; the owner's to add to */
  size_t pools_len;
  size_t pools[]; /* numbers of the pools that it belongs to */
};

/* matches: tells whether a session belongs to pool number POOL. */
struct members {
  size_t pools_len;
  bool (*matches)(void *context, size_t pool, const struct session *session);
  void *context;

  struct member_group **slots; /* by hash; NULL is free */
  size_t slots_len;            /* a power of two, or 0 */
  size_t len;
};

/* Begins a round: no group has a session. What applications may make up names
 * for is forgotten when there is too much of it. */
void members_begin(struct members *members);

/* The group of the session, which now has one more. Borrowed until the next
 * round begins. NULL when memory is short. */
struct member_group *members_add(struct members *members,
                                 const struct session *session);

/* Frees the groups, not the struct. Accepts NULL. */
void members_fini(struct members *members);

#endif

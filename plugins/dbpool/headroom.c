/* SPDX-License-Identifier: MIT */
/* headroom: how many more sessions a server lets a pool open. */
#include "dbpool/headroom.h"

#include <string.h>

static int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t left_of(int64_t limit, int64_t used) {
  return limit > used ? limit - used : 0;
}

static bool has_pool(const struct member_group *group, size_t pool) {
  for (size_t i = 0; i < group->pools_len; i++) {
    if (group->pools[i] == pool) {
      return true;
    }
  }
  return false;
}

struct use {
  int64_t sessions; /* by whoever */
  bool is_of_pool;  /* some of them are the pool's */
};

static struct use use_of_database(const struct members *members, size_t pool,
                                  const char *name) {
  struct use use = {0};
  for (size_t i = 0; i < members->slots_len; i++) {
    const struct member_group *group = members->slots[i];
    if (group != NULL && strcmp(group->database, name) == 0) {
      use.sessions += group->sessions;
      use.is_of_pool |= has_pool(group, pool);
    }
  }
  return use;
}

static struct use use_of_role(const struct members *members, size_t pool,
                              const char *name) {
  struct use use = {0};
  for (size_t i = 0; i < members->slots_len; i++) {
    const struct member_group *group = members->slots[i];
    if (group != NULL && strcmp(group->role, name) == 0) {
      use.sessions += group->sessions;
      use.is_of_pool |= has_pool(group, pool);
    }
  }
  return use;
}

struct headroom headroom_find(const struct postgresql_view *view,
                              const struct members *members, size_t pool) {
  struct headroom headroom = {
      .server = left_of(view->connection_limit, (int64_t)view->sessions_len),
      .database = HEADROOM_UNLIMITED,
      .role = HEADROOM_UNLIMITED,
  };
  for (size_t i = 0; i < view->databases_len; i++) {
    const struct postgresql_database *database = &view->databases[i];
    if (database->connection_limit >= 0) {
      struct use use = use_of_database(members, pool, database->name);
      if (use.is_of_pool) {
        headroom.database =
            min_of(headroom.database,
                   left_of(database->connection_limit, use.sessions));
      }
    }
  }
  for (size_t i = 0; i < view->roles_len; i++) {
    struct use use = use_of_role(members, pool, view->roles[i].name);
    if (use.is_of_pool) {
      headroom.role =
          min_of(headroom.role,
                 left_of(view->roles[i].connection_limit, use.sessions));
    }
  }
  return headroom;
}

int64_t headroom_nearest(const struct headroom *headroom) {
  return min_of(headroom->server, min_of(headroom->database, headroom->role));
}

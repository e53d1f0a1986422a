/* SPDX-License-Identifier: MIT */
/* session_groups: groups the sessions of one read by database, role and
 * application, so that many pools on a server match patterns once a group and
 * not once a session. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash_map.h"
#include "core/option.h"
#include "dbpool/pool.h"

/* Valid until the next build. */
struct session_group {
  struct hash_node node;
  const char *database; /* these three are parts of the key */
  const char *role;
  const char *application;
  int64_t sessions;                 /* all, our own among them */
  const struct pool_session *first; /* without our own; see next_in_group */
  bool is_selected;                 /* by the last session_groups_select() */
  char key[];                       /* the three names, each with its NUL */
};

/* All zero is empty. */
struct session_groups {
  struct hash_map by_names; /* struct session_group */
};

/* Groups the sessions; replaces what was there.
 * sessions: borrowed until the next build; linked to each other by
 * next_in_group. own_pid: of the session that we use to query.
 * Returns 0 or -ENOMEM. */
int session_groups_build(struct session_groups *groups,
                         struct pool_session *sessions, size_t len,
                         int64_t own_pid);

/* Selects the groups of a pool and lists their sessions, without our own.
 * roles, applications: globs as of fnmatch(3); none: every name. sessions: has
 * space for as many as were grouped. Returns their number. */
size_t session_groups_select(struct session_groups *groups,
                             const char *database,
                             const struct option_strings *roles,
                             const struct option_strings *applications,
                             const struct pool_session **sessions);

/* Applies a limit on the sessions of one database (role NULL) or of one role
 * (database NULL): lowers *headroom to what the limit leaves, if the selected
 * pool has sessions that count against it. limit: negative for none. */
void session_groups_lower_headroom(const struct session_groups *groups,
                                   const char *database, const char *role,
                                   int64_t limit, int64_t *headroom);

/* Frees the groups and zeroes the struct. Accepts NULL. */
void session_groups_fini(struct session_groups *groups);

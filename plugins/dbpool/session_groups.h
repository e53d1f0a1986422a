/* SPDX-License-Identifier: MIT */
/* session_groups: groups the sessions of one read by database, role and
 * application, so that many pools on a server match patterns once a group and
 * not once a session. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/option.h"
#include "dbpool/pool.h"

/* The sessions with the same three names. Valid until the next build. */
struct session_group {
  const struct pool_session *sessions; /* side by side; borrowed */
  size_t len;                          /* our own among them */
  bool is_selected;                    /* by the last session_groups_select() */
};

/* All zero is empty. */
struct session_groups {
  struct session_group *items; /* owned */
  size_t len;
  int64_t own_pid;
};

/* Groups the sessions; replaces what was there.
 * sessions: are sorted; borrowed until the next build. own_pid: of the session
 * that we use to query. Returns 0 or -ENOMEM. */
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

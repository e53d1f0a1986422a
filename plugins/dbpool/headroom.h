/* SPDX-License-Identifier: MIT */
/* headroom: how many more sessions a server lets a pool open, and which of its
 * limits comes first. Pure. */
#ifndef DBPOOL_HEADROOM_H
#define DBPOOL_HEADROOM_H

#include <stddef.h>
#include <stdint.h>

#include "dbpool/members.h"
#include "dbpool/postgresql.h"

#define HEADROOM_UNLIMITED INT64_MAX

/* Never negative. HEADROOM_UNLIMITED where such a limit is not set. */
struct headroom {
  int64_t server;   /* max_connections less what is reserved */
  int64_t database; /* the least of the databases' connection limits */
  int64_t role;     /* the least of the roles' connection limits */
};

/* For pool number POOL, by the members of this round, all sessions in them. */
struct headroom headroom_find(const struct postgresql_view *view,
                              const struct members *members, size_t pool);

/* The least of the three. */
int64_t headroom_nearest(const struct headroom *headroom);

#endif

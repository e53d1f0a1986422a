/* SPDX-License-Identifier: MIT */
/* monitor: one configured pool from read to read: gathers its sessions, draws
 * the conclusions, sends the values. */
#ifndef DBPOOL_MONITOR_H
#define DBPOOL_MONITOR_H

#include <stddef.h>
#include <stdint.h>

#include "dbpool/forecast.h"
#include "dbpool/headroom.h"
#include "dbpool/leak.h"
#include "dbpool/options.h"
#include "dbpool/outlets.h"
#include "dbpool/peers.h"
#include "dbpool/pool.h"
#include "dbpool/postgresql.h"
#include "dbpool/suspects.h"

struct monitor {
  const struct pool_options *options; /* borrowed */
  const struct outlets *outlets;      /* borrowed */

  /* Of this round. */
  int64_t now_us;
  struct pool_count count;
  int64_t recycle_overdue;
  const struct session **sessions; /* borrowed from the view */
  struct leak *leaks;
  size_t sessions_len, size; /* size: of both arrays */
  size_t leaks_len;

  int64_t recycle_us; /* age at use that is overdue; INT64_MAX: never */

  /* From round to round. */
  struct leak_watch watch;
  struct peers peers;
  struct suspects suspects;
  struct forecast forecast;
  bool has_said_beyond;
  bool has_said_indistinct;
};

void monitor_init(struct monitor *monitor, const struct pool_options *options,
                  const struct outlets *outlets);

/* Accepts NULL. */
void monitor_fini(struct monitor *monitor);

/* Begins a round at now_us of the server's clock. */
void monitor_begin(struct monitor *monitor, int64_t now_us);

/* Adds a session, borrowed until the round ends, to look at it for leaks.
 * Returns 0 or -ENOMEM. */
int monitor_add(struct monitor *monitor, const struct session *session);

/* Adds what was counted over some of the sessions, once for all pools that they
 * belong to. */
void monitor_count(struct monitor *monitor, const struct pool_count *count);

/* Ends the round and sends its values and
 * notifications. database: of the pool, NULL where the
 * server tells nothing of it. query_s: how long the server took. */
void monitor_finish(struct monitor *monitor, const struct headroom *headroom,
                    const struct postgresql_database *database, double query_s);

/* The server could not be asked. is_full: it has no session left for us. */
void monitor_fail(struct monitor *monitor, bool is_full);

#endif

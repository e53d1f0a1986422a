/* SPDX-License-Identifier: MIT */
/* pool: what the sessions on a server prove about the pool that they are of.
 * Pure: no clock, no I/O.
 *
 * Nobody outside the application knows which of its idle sessions are checked
 * out. But with T sessions, B of them busy (running a statement or inside a
 * transaction), P processes and pools that keep S connections each:
 *
 *     max(B, T - P*S)  <=  checked out  <=  T
 *
 * because a pool closes what it gets back beyond S. The lower bound is what is
 * reported: an alert about it is never false. */
#ifndef DBPOOL_POOL_H
#define DBPOOL_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "dbpool/session.h"

/* size: connections that a pool keeps. overflow: what it may add, -1 without
 * limit. processes: pools of this configuration, at least 1. */
struct pool_shape {
  int64_t size;
  int64_t overflow;
  int64_t processes;
};

/* What is counted over a pool's sessions. All zero is an empty pool. */
struct pool_count {
  int64_t active, idle, in_transaction, aborted, hidden, waiting;
  int64_t oldest_transaction_us; /* ages */
  int64_t oldest_session_us;
  int64_t oldest_wait_us;
};

/* Adds one session; now_us by the server's clock. */
void pool_count_add(struct pool_count *count, const struct session *session,
                    int64_t now_us);

/* Adds what was counted over other sessions. */
void pool_count_merge(struct pool_count *count, const struct pool_count *other);

struct pool_estimate {
  int64_t total;
  int64_t checked_out; /* at least so many */
  int64_t ready;       /* can be handed out without overflow */
  int64_t capacity;
  double percent_used; /* 0 to 100, NaN without capacity */
  bool is_beyond;      /* more sessions than the configuration allows */
};

/* headroom: further sessions that the server would take, for pools without a
 * limit of their own; negative: unknown. */
struct pool_estimate pool_estimate(const struct pool_count *count,
                                   const struct pool_shape *shape,
                                   int64_t headroom);

/* Age of the session's transaction; 0 where it is in none. A failed
 * transaction has no start: its age counts from the failure. */
int64_t pool_transaction_age_us(const struct session *session, int64_t now_us);

#endif

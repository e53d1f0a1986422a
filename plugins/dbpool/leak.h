/* SPDX-License-Identifier: MIT */
/* leak: which sessions of a pool somebody holds and has forgotten. Pure.
 *
 * Rule 1: idle inside a transaction for too long.
 * Rule 2: held in silence. Where a pool hands out in the order of return, a
 *   session that rests while others, which came back after it, are used again
 *   is not in the pool's queue.
 * Rule 3: resting for too long, and more of them than the pool keeps: the
 *   surplus is held, for the pool closes what comes back beyond its size. */
#ifndef DBPOOL_LEAK_H
#define DBPOOL_LEAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbpool/session.h"

enum leak_rule {
  LEAK_IN_TRANSACTION = 1,
  LEAK_OVERTAKEN = 2,
  LEAK_SURPLUS = 3,
};

struct leak {
  const struct session *session; /* borrowed */
  enum leak_rule rule;
  int64_t age_us; /* since its last sign of life */
};

struct leak_limits {
  int64_t after_us; /* what is "too long" */
  int64_t kept;     /* sessions that all pools together keep */
  bool is_fifo;     /* rule 2 holds: one process, first in first out */
};

struct leak_rest; /* what is remembered of a resting session */

/* One pool, from round to round. All zero at first. */
struct leak_watch {
  struct leak_rest *rests; /* by process id */
  size_t rests_len;
};

/* Finds the leaks among the sessions of this round.
 * sessions: may be put into another order. now_us: the server's clock.
 * leaks: room for as many as there are sessions.
 * Returns 0, or -ENOMEM; then rule 2 starts afresh. *ret_len is set always. */
int leak_find(struct leak_watch *watch, const struct session **sessions,
              size_t len, int64_t now_us, const struct leak_limits *limits,
              struct leak *leaks, size_t *ret_len);

/* Frees what the watch holds and zeroes it. Accepts NULL. */
void leak_watch_fini(struct leak_watch *watch);

#endif

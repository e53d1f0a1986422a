/* SPDX-License-Identifier: MIT */
/* leak: finds the sessions of a pool that are held but no longer used, and
 * sends one notification for each, and one when it no longer looks leaked. Pure
 * but for the sink.
 *
 * Rule 1: idle inside a transaction for too long.
 * Rule 2: held without activity. Where a pool hands out connections in the
 *   order of their return, an idle session is not in the pool's queue if others
 *   that were returned after it are used again.
 * Rule 3: idle for too long, and more such sessions than the pools keep: the
 *   surplus is held, because a pool closes what it gets back beyond its size.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/minute_limit.h"
#include "core/notification.h"
#include "dbpool/pool.h"

enum leak_rule {
  LEAK_IN_TRANSACTION = 1,
  LEAK_OVERTAKEN = 2,
  LEAK_SURPLUS = 3,
};

struct leak {
  const struct pool_session *session; /* borrowed */
  enum leak_rule rule;
  int64_t age_us; /* since its last activity */
};

/* One read of one pool. */
struct leak_search {
  const struct pool_session **sessions; /* borrowed; are reordered */
  size_t sessions_len;
  int64_t now_us;   /* the server's clock */
  int64_t after_us; /* how long is "too long" */
  int64_t max_idle; /* see pool_max_idle() */
  bool is_fifo;     /* rule 2 applies: one process, first in first out */

  struct leak *leaks; /* the result; has space for sessions_len */
  size_t leaks_len;   /* 0 at first */
};

struct leak_idle_session; /* what is remembered of an idle session */

/* What rule 2 remembers of one pool between reads. All zero at first. */
struct leak_tracker {
  struct leak_idle_session *idle; /* by process id */
  size_t idle_len;
};

/* Finds the leaks.
 * Returns 0, or -ENOMEM: rule 2 then forgets what it knew; the leaks that the
 * other rules found are there. */
int leak_find(struct leak_tracker *tracker, struct leak_search *search);

/* Frees what the tracker holds and zeroes it. Accepts NULL. */
void leak_tracker_fini(struct leak_tracker *tracker);

/* ---- notifications ---- */

/* Leaks followed at a time; further ones are notified as others end. */
#define LEAK_NOTIFIER_MAX 64

struct leak_notifier_item {
  int64_t pid;
  int64_t backend_start_us;
  enum leak_rule rule;
  bool is_notified;
};

/* All but these starts at zero. */
struct leak_notifier {
  const char *pool;          /* its name; borrowed */
  struct minute_limit limit; /* its max: notifications */
  bool keeps_literals;       /* of queries */
  size_t len;
  struct leak_notifier_item items[LEAK_NOTIFIER_MAX];
};

/* Processes the leaks of one read at now_us. Sends a WARNING for each new leak
 * and an OKAY for each notified one that has ended. Fields of both: pid, rule;
 * of a WARNING also client, application, role, database, state, age, query.
 * A notification that the rate limit delays is sent at a later read if it still
 * applies then. The sink runs the daemon's notification plugins: hold no lock.
 */
void leak_notifier_send_changes(struct leak_notifier *notifier,
                                const struct leak *leaks, size_t len,
                                int64_t now_us,
                                const struct notification_sink *sink);

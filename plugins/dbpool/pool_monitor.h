/* SPDX-License-Identifier: MIT */
/* pool_monitor: one configured pool from read to read: draws the conclusions
 * from its sessions and sends the values. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbpool/client_processes.h"
#include "dbpool/leak.h"
#include "dbpool/options.h"
#include "dbpool/pool.h"

/* How long a pool may be without a session before that is logged. */
#define POOL_MONITOR_UNMATCHED_US INT64_C(20000000)

/* What one read found of the pool. All pointers are borrowed for the call. */
struct pool_monitor_reading {
  int64_t now_us;                       /* the server's clock */
  const struct pool_session **sessions; /* are reordered */
  size_t sessions_len;
  struct pool_count count; /* over the sessions */
  struct pool_headroom headroom;
  const struct pool_session_ends *ends; /* NULL: none for this database */
  double query_s;                       /* how long the server took */
};

/* What is kept from read to read. One thread at a time, without a lock. */
struct pool_monitor {
  const struct dbpool_pool_options *options; /* borrowed */
  const struct dbpool_sinks *sinks;          /* borrowed */
  struct client_processes processes;
  struct leak_tracker leaks;
  struct leak_notifier notifier;
  struct pool_forecast forecast;
  bool has_matched;     /* a session, at any read */
  int64_t unmatched_us; /* since when no session matches; 0: some do */
  bool has_logged_unmatched;
  bool has_logged_excess;
  bool has_logged_unknown;
  bool has_logged_processes;
};

void pool_monitor_init(struct pool_monitor *monitor,
                       const struct dbpool_pool_options *options,
                       const struct dbpool_sinks *sinks);

/* Accepts NULL. */
void pool_monitor_fini(struct pool_monitor *monitor);

/* Sends the values and notifications of a read. As long as no session has ever
 * matched, it sends only what does not depend on the sessions. */
void pool_monitor_send_reading(struct pool_monitor *monitor,
                               const struct pool_monitor_reading *reading);

/* True once for a pool that has matched no session for
 * POOL_MONITOR_UNMATCHED_US: the caller logs the names that are there. */
bool pool_monitor_should_log_unmatched(
    struct pool_monitor *monitor, const struct pool_monitor_reading *reading);

/* Sends the values of a read that failed. is_full: the server has no session
 * left for us. */
void pool_monitor_send_failure(struct pool_monitor *monitor, bool is_full);

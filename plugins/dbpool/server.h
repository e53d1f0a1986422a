/* SPDX-License-Identifier: MIT */
/* server: one PostgreSQL server with the pools that are watched on it: one
 * session and one question a read for all of them. */
#ifndef DBPOOL_SERVER_H
#define DBPOOL_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbpool/monitor.h"
#include "dbpool/options.h"

struct server;

/* True if both pools are asked for through the same session. */
bool server_is_shared(const struct endpoint_options *a,
                      const struct endpoint_options *b);

/* pools: of one server, at least one; options and outlets are borrowed for
 * good. Does not connect. Returns NULL when memory is short. */
struct server *server_new(const struct pool_options *const *pools,
                          size_t pools_len, const struct outlets *outlets);

/* Asks and sends the values of each pool. Takes no longer than the Timeout and
 * half of interval_s; what takes longer is taken at a later read. interval_s:
 * from read to read. One thread at a time. */
void server_read(struct server *server, double interval_s);

/* Ends the session; waits until deadline_ms (monotonic) for one that is being
 * made. Accepts NULL. */
void server_free(struct server *server, int64_t deadline_ms);

#endif

/* SPDX-License-Identifier: MIT */
/* postgresql: one PostgreSQL server, 9.6 to 18, with the pools that are watched
 * on it: one session and one query a read for all of them. */
#pragma once

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "dbpool/options.h"
#include "dbpool/pg_rows.h"
#include "dbpool/pool.h"
#include "dbpool/session_groups.h"

/* ---- reading a server ---- */

struct postgresql_server;

/* The server of pool number FIRST, with that pool and all later ones that are
 * on the same server (see dbpool_is_same_server()). pools, sinks: borrowed for
 * as long as the server lives. Does not connect. Returns NULL when memory is
 * short. */
struct postgresql_server *
postgresql_server_new(const struct dbpool_pool_options *pools, size_t pools_len,
                      size_t first, const struct dbpool_sinks *sinks);

/* Queries the server and sends the values of each pool. Waits as long as
 * pg_connection_target_query(); what takes longer is sent at a later read.
 * interval_s: from read to read. One thread at a time. */
void postgresql_server_query_and_send(struct postgresql_server *server,
                                      double interval_s);

/* Ends the session; waits at most until deadline_ms (monotonic) for one that is
 * being opened. Accepts NULL. */
void postgresql_server_free(struct postgresql_server *server,
                            int64_t deadline_ms);

/* ---- the query (pure: text out) ---- */

/* The query of each read: four statements (settings, sessions, databases, roles
 * with a limit). quiet_s: the last statement is included for sessions that have
 * been idle for longer.
 * Returns 0, or -ENOTSUP if the version (of PQserverVersion()) is too old. */
int postgresql_format_query(char *text, size_t bytes, int version,
                            int64_t quiet_s, struct error *error);

/* ---- its result (pure: rows in) ---- */

/* A database or a role and its CONNECTION LIMIT. */
struct postgresql_limit {
  const char *name;
  int64_t connection_limit;      /* -1: none */
  struct pool_session_ends ends; /* of a database */
};

/* One result. Strings are borrowed from its tables. All zero is empty. */
struct postgresql_stats {
  int64_t now_us;                 /* the server's clock */
  int64_t connection_limit;       /* for ordinary roles, on the whole server */
  int64_t own_pid;                /* of our own session */
  int64_t untracked;              /* sessions with track_activities off */
  struct pg_rows_array sessions;  /* struct pool_session, our own among them */
  struct pg_rows_array databases; /* struct postgresql_limit, all */
  struct pg_rows_array roles; /* struct postgresql_limit, those that have one */
};

/* Reads the four tables of a query's result. stats: its arrays are reused.
 * Returns 0; -EPROTO when the tables are not what was asked for; -ENOMEM. */
int postgresql_stats_parse(struct postgresql_stats *stats,
                           PGresult *const *tables, size_t len,
                           struct error *error);

/* How many more sessions the limits of the server leave the selected pool. */
struct pool_headroom
postgresql_compute_headroom(const struct postgresql_stats *stats,
                            const struct session_groups *groups);

/* Frees the arrays and zeroes the struct. Accepts NULL. */
void postgresql_stats_fini(struct postgresql_stats *stats);

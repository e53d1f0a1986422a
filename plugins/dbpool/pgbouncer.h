/* SPDX-License-Identifier: MIT */
/* pgbouncer: one PgBouncer, 1.12 to 1.25: its console is queried at each read
 * for all of its pools. */
#pragma once

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "dbpool/options.h"
#include "dbpool/pg_rows.h"

/* ---- reading a PgBouncer ---- */

struct pgbouncer_server;

/* options, sinks: borrowed for as long as it lives. Does not connect. Returns
 * NULL when memory is short. */
struct pgbouncer_server *
pgbouncer_server_new(const struct dbpool_pgbouncer_options *options,
                     const struct dbpool_sinks *sinks);

/* Queries the console and sends the values of the PgBouncer and of each of its
 * pools. Waits as long as pg_connection_target_query(); what takes longer is
 * sent at a later read. interval_s: from read to read. One thread at a time. */
void pgbouncer_server_query_and_send(struct pgbouncer_server *server,
                                     double interval_s);

/* Ends the session; waits at most until deadline_ms (monotonic) for one that is
 * being opened. Accepts NULL. */
void pgbouncer_server_free(struct pgbouncer_server *server,
                           int64_t deadline_ms);

/* ---- what the console reports (pure: rows in) ---- */

/* The commands (SHOW POOLS, ...), in the order of sending. */
enum pgbouncer_command {
  PGBOUNCER_DATABASES, /* first: the others refer to them */
  PGBOUNCER_POOLS,
  PGBOUNCER_STATS,
  PGBOUNCER_CONFIG,
  PGBOUNCER_USERS,
  PGBOUNCER_COMMANDS
};

/* Server connections of one database and user. Strings are borrowed from the
 * tables. */
struct pgbouncer_pool {
  const char *database;
  const char *user;
  int64_t active;  /* linked to a client */
  int64_t idle;    /* free, tested or not */
  int64_t total;   /* with those that log in or cancel */
  int64_t waiting; /* clients that wait for a connection */
  int64_t clients; /* with those that wait */
  int64_t oldest_wait_us;
  int64_t size, capacity; /* of its database and user */
  double used_percent;    /* of the limit that is nearest; NaN: no limit */
};

struct pgbouncer_database {
  const char *name;
  int64_t size;     /* of each of its pools; -1: no limit */
  int64_t capacity; /* with the reserve, capped by max_connections; -1 */
  int64_t limit;    /* max_db_connections, over all users; -1: no limit */
  int64_t active;   /* connections in use, over all users */
  int64_t wait_us;  /* the total that clients ever waited; -1: unknown */
};

/* Server connections of one user, over all databases. */
struct pgbouncer_user {
  const char *name;
  int64_t limit; /* max_user_connections; -1: no limit */
  int64_t active;
};

/* All zero is empty. */
struct pgbouncer_stats {
  struct pg_rows_array pools; /* struct pgbouncer_pool; not the console's own */
  struct pg_rows_array databases; /* struct pgbouncer_database, by name */
  struct pg_rows_array users;     /* struct pgbouncer_user, by name */
  int64_t clients;                /* of all pools, the console's among them */
  int64_t clients_limit;          /* max_client_conn; -1: unknown */
  int64_t user_limit; /* max_user_connections of users without one */
};

/* Reads the table of each command. stats: its arrays are reused. Columns are
 * found by name, because releases add, remove and reorder them.
 * Returns 0; -EPROTO when an indispensable column is missing; -ENOMEM. */
int pgbouncer_stats_parse(struct pgbouncer_stats *stats,
                          PGresult *const *tables, struct error *error);

/* Frees the arrays and zeroes the struct. Accepts NULL. */
void pgbouncer_stats_fini(struct pgbouncer_stats *stats);

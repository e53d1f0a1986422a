/* SPDX-License-Identifier: MIT */
/* pgbouncer: what PgBouncer's console, 1.12 to 1.25, says of its pools. Pure.
 * Columns are found by name, for they come, go and move with the releases. */
#ifndef DBPOOL_PGBOUNCER_H
#define DBPOOL_PGBOUNCER_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* The commands to send, in this order, one at a time: the console takes no
 * more than one a query. */
enum pgbouncer_command {
  PGBOUNCER_POOLS,
  PGBOUNCER_DATABASES,
  PGBOUNCER_STATS,
  PGBOUNCER_CONFIG,
  PGBOUNCER_COMMANDS
};
extern const char *const pgbouncer_commands[PGBOUNCER_COMMANDS];

/* Server connections of one database and user. Strings are borrowed from the
 * results. */
struct pgbouncer_pool {
  const char *database;
  const char *user;
  int64_t active;  /* linked to a client */
  int64_t idle;    /* free, be they tested or not */
  int64_t total;   /* with those that log in or cancel */
  int64_t waiting; /* clients that wait for a connection */
  int64_t clients; /* with those that wait */
  int64_t oldest_wait_us;
  int64_t size;     /* pool_size; -1: no limit */
  int64_t capacity; /* with the reserve, capped by the database's limit; -1 */
};

struct pgbouncer_database {
  const char *name;
  int64_t size, reserve, limit; /* 0: none */
  int64_t wait_us;              /* all that clients ever waited; -1: not told */
};

/* All zero is empty. */
struct pgbouncer_view {
  struct pgbouncer_pool *pools; /* the console's own not among them */
  size_t pools_len, pools_size;
  struct pgbouncer_database *databases; /* by name */
  size_t databases_len, databases_size;
  int64_t clients;       /* of all pools, the console's among them */
  int64_t clients_limit; /* max_client_conn; -1: not told */
};

/* Reads one result a command. view: its arrays are used again.
 * Returns 0; -EPROTO when a column is missing without which there is nothing
 * to say; -ENOMEM. */
int pgbouncer_parse(PGresult *const *results, struct pgbouncer_view *view,
                    struct error *error);

/* Frees the arrays and zeroes the view. Accepts NULL. */
void pgbouncer_view_fini(struct pgbouncer_view *view);

#endif

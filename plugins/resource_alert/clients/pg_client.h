/* SPDX-License-Identifier: MIT */
/* pg_client: one statement at a time on a PostgreSQL server, with a deadline;
 * the session is kept from one to the next. */
#pragma once

#include <libpq-fe.h>

#include "core/error.h"
#include "core/pg_exchange.h"
#include "resource_alert/clients/action_call.h"

#define PG_CLIENT_HOSTS_MAX 8

/* Servers of which one is used, for one thread at a time. A host should be an
 * address or the directory of a socket, since libpq blocks in the resolver. The
 * first fields are set by the caller and borrowed. */
struct pg_client {
  const char *const *keywords; /* as of PQconnectStartParams(), without host */
  const char *const *values;   /* of the keywords */
  const char *hosts[PG_CLIENT_HOSTS_MAX]; /* NULL: libpq's default */
  size_t hosts_len;                       /* at least 1 */
  size_t current;                         /* the host that was used last */
  PGconn *session; /* NULL while closed; opened at the next statement */
};

/* Loads libpq, before anything else. Returns what shared_library_load() does.
 */
int pg_client_load_library(struct error *error);

/* Closes the session, if there is one. */
void pg_client_close(struct pg_client *client);

/* Runs one statement with parameters as text, NULL for SQL's NULL; several
 * statements where there are no parameters. Without a session one host after
 * the other is tried; they share the call's time. *ret_rows: of the last
 * statement: yours, PQclear(). An answer of more than a megabyte is refused.
 * Returns 0 or an error as in action_call.h, with the server's words. After a
 * failure the session is closed, which also ends its transaction. */
int pg_client_query(struct pg_client *client, const char *sql,
                    const char *const *parameters, int parameters_len,
                    const struct action_call *call, PGresult **ret_rows);

/* SPDX-License-Identifier: MIT */
/* pg_client: one statement at a time on a PostgreSQL server, with a deadline;
 * the session is kept from one to the next. */
#pragma once

#include <libpq-fe.h>

#include "core/error.h"
#include "resource_alert/clients/action_call.h"

/* One server, for one thread at a time. A host should be an address or the
 * directory of a socket, since libpq blocks in the resolver. */
struct pg_client {
  const char *const *keywords; /* as of PQconnectStartParams(); borrowed */
  const char *const *values;   /* of the keywords; borrowed */
  PGconn *session; /* NULL while closed; opened at the next statement */
};

/* Closes the session, if there is one. */
void pg_client_close(struct pg_client *server);

/* Runs one statement with parameters as text, NULL for SQL's NULL.
 * *ret_rows: yours, PQclear().
 * Returns 0; -ETIMEDOUT; -ECANCELED; -ECONNREFUSED; -EIO with the server's
 * words. After a failure the session is closed. */
int pg_client_query(struct pg_client *server, const char *sql,
                    const char *const *parameters, int parameters_len,
                    const struct action_call *call, PGresult **ret_rows);

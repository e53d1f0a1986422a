/* SPDX-License-Identifier: MIT */
/* pg_client: one statement at a time on a PostgreSQL server, with a deadline;
 * the session is kept from one to the next. */
#ifndef RESOURCE_ALERT_CLIENTS_PG_CLIENT_H
#define RESOURCE_ALERT_CLIENTS_PG_CLIENT_H

#include <libpq-fe.h>

#include "core/error.h"
#include "resource_alert/clients/action_call.h"

struct pg_client;

/* keywords, values: as of PQconnectStartParams(), borrowed for good. A host
 * should be an address or the directory of a socket, since libpq blocks in
 * the resolver. Connects at the first statement.
 * *ret: yours, pg_client_free(). Returns 0 or -ENOMEM. One thread. */
int pg_client_new(const char *const *keywords, const char *const *values,
                  struct pg_client **ret, struct error *error);
void pg_client_free(struct pg_client *server); /* accepts NULL */

/* Runs one statement with parameters as text, NULL for SQL's NULL.
 * *ret_rows: yours, PQclear().
 * Returns 0; -ETIMEDOUT; -ECANCELED; -ECONNREFUSED; -EIO with the server's
 * words. After a failure the session is closed. */
int pg_client_query(struct pg_client *server, const char *sql,
                    const char *const *parameters, int parameters_len,
                    const struct action_call *call, PGresult **ret_rows,
                    struct error *error);

#endif

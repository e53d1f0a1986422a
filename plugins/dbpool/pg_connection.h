/* SPDX-License-Identifier: MIT */
/* pg_connection: a session on PostgreSQL or on PgBouncer's console that is kept
 * from one read to the next. No function waits beyond its deadline. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "dbpool/options.h"

/* The most statements of one result. */
#define PG_CONNECTION_TABLES_MAX 5

/* What queries returned: the rows of each statement. All zero is empty. */
struct pg_connection_result {
  PGresult *tables[PG_CONNECTION_TABLES_MAX];
  size_t len;
  int64_t took_ns; /* from sending each query to having its last row */
};

/* Frees the tables and zeroes the result. */
void pg_connection_result_fini(struct pg_connection_result *result);

struct pg_connection;

/* What an endpoint gets that does not set it. NULL: libpq's default. */
struct pg_connection_defaults {
  const char *port; /* not for a service, which has its own */
  const char *database;
  const char *settings; /* of the session: libpq's keyword "options" */
};

/* Not connected yet. endpoint and the texts of the defaults: borrowed for as
 * long as the connection lives. Returns NULL when memory is short. One thread
 * at a time. */
struct pg_connection *
pg_connection_new(const struct dbpool_endpoint_options *endpoint,
                  struct pg_connection_defaults defaults);

/* Closes it. Waits until deadline_ms (monotonic) for a thread that is still
 * connecting, which otherwise ends by itself. Accepts NULL. */
void pg_connection_free(struct pg_connection *connection, int64_t deadline_ms);

/* Connects unless connected.
 * Returns 0; -EAGAIN when the outcome is open at deadline_ms: the attempt
 * continues, and a later call gets its outcome; -ETIMEDOUT when an attempt has
 * used up the endpoint's Timeout; -EUSERS when the server has no session left
 * (SQLSTATE 53300); -ENOMEM; -ECONNREFUSED for any other failure. */
int pg_connection_open(struct pg_connection *connection, int64_t deadline_ms,
                       struct error *error);

/* Sends SQL by the simple protocol, the only one that PgBouncer's console
 * supports, and adds the rows of all its statements to the result. While a
 * query is pending it is continued; SQL is then not sent again.
 * result: yours, pg_connection_result_fini(); after a failure a part.
 * Returns 0; -EAGAIN when the result is incomplete at deadline_ms: the next
 * call, with the same result, continues; -EUSERS as above; -EPIPE when the
 * session has ended; -EPROTO when the server refused the query or sent an
 * invalid answer; -EMSGSIZE for one of more than 32 MB. After any failure but
 * -EAGAIN the session is closed. */
int pg_connection_query(struct pg_connection *connection, const char *sql,
                        int64_t deadline_ms,
                        struct pg_connection_result *result,
                        struct error *error);

/* True while a result is awaited. */
bool pg_connection_is_pending(const struct pg_connection *connection);

/* Ends the session, if there is one; an attempt to connect continues. Does not
 * cancel a statement, because PQcancel() blocks: the server's own
 * statement_timeout ends it. */
void pg_connection_close(struct pg_connection *connection);

/* libpq's handle of the open session; NULL while closed. Borrowed. */
PGconn *pg_connection_session(struct pg_connection *connection);

/* ---- a server that is queried at each read ----
 *
 * While it is down it must neither delay the reader nor flood the log. */

struct pg_connection_target {
  const char *name; /* how log lines begin: pool "trading" */
  struct pg_connection *connection;
  int64_t timeout_ms;
  const struct log_sink *log;
  struct log_complaint complaint;
  int64_t expires_ms; /* of what earlier reads began; 0: nothing */
};

/* name, endpoint, log, the texts of the defaults: borrowed for as long as the
 * target lives. Does not connect. Returns 0 or -ENOMEM. */
int pg_connection_target_init(struct pg_connection_target *target,
                              const char *name,
                              const struct dbpool_endpoint_options *endpoint,
                              struct pg_connection_defaults defaults,
                              const struct log_sink *log);

/* Queries an open connection until deadline_ms. Returns 0 or a negative errno;
 * after -EAGAIN it is called again at the next read. */
typedef int pg_connection_target_exchange(void *context,
                                          struct pg_connection *connection,
                                          int64_t deadline_ms,
                                          struct error *error);

/* Connects if necessary and calls exchange(). Waits at most for the least of
 * the target's timeout, half of interval_ms and a second; half as long while
 * the target is known to be down. What takes longer continues in the
 * background: a later read gets the result, until the timeout is over. A
 * session that has ended since the last read is replaced at once. A failure is
 * logged when it is certain, then hourly; the recovery is logged once.
 * Returns 0; -EAGAIN while the outcome is open; or the error. */
int pg_connection_target_query(struct pg_connection_target *target,
                               int64_t interval_ms,
                               pg_connection_target_exchange *exchange,
                               void *context);

/* Closes the connection. Waits at most until deadline_ms for a thread that is
 * still connecting. */
void pg_connection_target_fini(struct pg_connection_target *target,
                               int64_t deadline_ms);

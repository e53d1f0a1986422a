/* SPDX-License-Identifier: MIT */
/* connection: a session on PostgreSQL or on PgBouncer's console that is kept
 * from one read to the next. Nothing in it waits longer than its caller says.
 */
#ifndef DBPOOL_CONNECTION_H
#define DBPOOL_CONNECTION_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "dbpool/options.h"

/* The most results of one query text with several statements. */
#define ANSWER_RESULTS_MAX 4

struct answer {
  PGresult *results[ANSWER_RESULTS_MAX]; /* all of them hold rows */
  size_t len;
  int64_t took_ns; /* from sending the question to having the last row */
};

/* Frees the results. Accepts an answer that is all zero. */
void answer_fini(struct answer *answer);

struct connection;

/* What an endpoint gets that does not say otherwise. NULL: libpq's default. */
struct connection_defaults {
  const char *port; /* not for a service, which has its own */
  const char *database;
  const char *options; /* settings of the session: libpq's "options" */
};

/* Not connected yet. endpoint: borrowed for good, like the texts of
 * the defaults.
 * Returns NULL when memory is short. One thread at a time. */
struct connection *connection_new(const struct endpoint_options *endpoint,
                                  struct connection_defaults defaults);

/* Closes it. Waits until deadline_ms (monotonic) for a thread that is still
 * connecting. Accepts NULL. */
void connection_free(struct connection *connection, int64_t deadline_ms);

/* Connects unless connected.
 * Returns 0; -EAGAIN when there is nothing to say by deadline_ms: the attempt
 * goes on, and a later call gets what has become of it; -ETIMEDOUT when one has
 * taken all of the endpoint's Timeout; -EUSERS when the server has no session
 * left for us (SQLSTATE 53300); -ENOMEM; -ECONNREFUSED for anything else. */
int connection_open(struct connection *connection, int64_t deadline_ms,
                    struct error *error);

/* Sends SQL by the simple protocol, the only one that PgBouncer's console
 * speaks, and collects the rows of all its statements. While an answer is
 * awaited, goes on with that and does not send again.
 * answer: overwritten; yours, answer_fini(); empty on failure.
 * Returns 0; -EAGAIN when the answer is not complete by deadline_ms: the next
 * call goes on; -EUSERS as above; -EPIPE when the session is gone; -EPROTO when
 * the server refused or answered nonsense. After any other failure than -EAGAIN
 * the session is closed. */
int connection_ask(struct connection *connection, const char *sql,
                   int64_t deadline_ms, struct answer *answer,
                   struct error *error);

/* True while an answer is awaited. */
bool connection_is_asked(const struct connection *connection);

/* Ends the session, if there is one; an attempt to connect goes on. Nothing is
 * cancelled, for PQcancel() blocks: the server's own statement_timeout ends
 * what runs. */
void connection_close(struct connection *connection);

/* The open session, for what libpq knows of it; NULL while closed. Borrowed. */
PGconn *connection_session(struct connection *connection);

#endif

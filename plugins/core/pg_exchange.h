/* SPDX-License-Identifier: MIT */
/* pg_exchange: one statement's way to a PostgreSQL server and its results' way
 * back, by the functions of libpq that do not block. The server may be hostile:
 * it can hold the caller neither beyond the deadline nor with its amount of
 * data. */
#pragma once

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* Loads libpq, before any other function here is called. Any thread. Returns
 * what shared_library_load() does. */
int pg_exchange_load_library(struct error *error);

/* From sending a statement to its last result. After any failure but -ETIMEDOUT
 * the session is to be closed: results could still arrive in it. */
struct pg_exchange {
  PGconn *session;     /* borrowed; not blocking */
  int64_t deadline_ms; /* monotonic */
  int cancel_fd;       /* ends a wait when it becomes readable; -1: none */
  size_t bytes_left;   /* that the server may still send */
};

/* Waits until SESSION, which may still be connecting, is ready for EVENTS, of
 * poll(). Returns 0; -ETIMEDOUT; -ECANCELED. */
int pg_exchange_wait(const struct pg_exchange *exchange, short events,
                     struct error *error);

/* Sends what is left of a statement that libpq has been given. Returns 0;
 * -ETIMEDOUT; -ECANCELED; -EPIPE when the session has ended. */
int pg_exchange_flush(struct pg_exchange *exchange, struct error *error);

/* Receives the next result. *ret: yours, PQclear(); NULL after the last one. A
 * result may be the server's error.
 * Returns what pg_exchange_flush() does; -EMSGSIZE; -EPROTO for the begin of a
 * COPY, which nobody here asks for and which would never end. */
int pg_exchange_receive(struct pg_exchange *exchange, PGresult **ret,
                        struct error *error);

/* Writes the first line of libpq's MESSAGE, which has what matters, escaped: a
 * part of it may come from the other end. Returns CODE. */
int pg_exchange_set_error(const char *message, int code, struct error *error);

/* libpq would print a server's notices on standard error. */
void pg_exchange_ignore_notices(PGconn *session);

/* Checks a host, or a list of them, for which no sslmode was given: libpq would
 * send the password without TLS to a server that wants none, and so to anyone
 * on the way. hosts: NULL: libpq's default, a socket. Returns 0 or -EINVAL. */
int pg_exchange_check_hosts(const char *hosts, struct error *error);

/* Check of an option: an absolute path of a file that libpq will read. It
 * ignores one that others can read, and says so on standard error only.
 * Returns 0; -EINVAL; -EPERM. */
int pg_exchange_check_pass_file(const char *value, struct error *error);

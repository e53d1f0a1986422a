/* SPDX-License-Identifier: MIT */
/* pg_client: one statement at a time on a PostgreSQL server.
 *
 * libpq's functions that do not block, with poll() in between. A session that
 * failed in any way is closed, since results of the old statement could still
 * arrive in it. */
#include "resource_alert/clients/pg_client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

void pg_client_close(struct pg_client *server) {
  PQfinish(server->session);
  server->session = NULL;
}

/* libpq's message, without its newline. */
static int copy_libpq_error(const struct pg_client *server, int code,
                            struct error *error) {
  const char *text = PQerrorMessage(server->session);
  return error_set(error, code, "%.*s", (int)strcspn(text, "\n"), text);
}

/* The socket may change between two steps of connecting, so it is looked up
 * each time. */
static int wait_for_server(const struct pg_client *server, short events,
                           const struct action_call *call) {
  return action_call_wait(call, PQsocket(server->session), events,
                          "PostgreSQL");
}

/* Without blocking, but for the resolver. */
static int open_pg_session(struct pg_client *server,
                           const struct action_call *call) {
  server->session = PQconnectStartParams(server->keywords, server->values, 0);
  if (server->session == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  if (PQstatus(server->session) == CONNECTION_BAD) {
    return copy_libpq_error(server, -ECONNREFUSED, call->error);
  }
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    int code = wait_for_server(
        server, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, call);
    if (code != 0) {
      return code;
    }
    state = PQconnectPoll(server->session);
    if (state == PGRES_POLLING_FAILED) {
      return copy_libpq_error(server, -ECONNREFUSED, call->error);
    }
  }
  return PQsetnonblocking(server->session, 1) == 0
             ? 0
             : copy_libpq_error(server, -ECONNREFUSED, call->error);
}

/* Reads while it writes, or both sides could wait for each other. */
static int send_whole_query(struct pg_client *server,
                            const struct action_call *call) {
  int left;
  while ((left = PQflush(server->session)) > 0) {
    int code = wait_for_server(server, POLLIN | POLLOUT, call);
    if (code != 0) {
      return code;
    }
    if (PQconsumeInput(server->session) == 0) {
      return copy_libpq_error(server, -EIO, call->error);
    }
  }
  return left == 0 ? 0 : copy_libpq_error(server, -EIO, call->error);
}

/* Reads until there are no more results; the last one counts. */
static int read_rows(struct pg_client *server, const struct action_call *call,
                     PGresult **ret_rows) {
  PGresult *rows = NULL;
  for (;;) {
    while (PQisBusy(server->session) != 0) {
      int code = wait_for_server(server, POLLIN, call);
      if (code == 0 && PQconsumeInput(server->session) == 0) {
        code = copy_libpq_error(server, -EIO, call->error);
      }
      if (code != 0) {
        PQclear(rows);
        return code;
      }
    }
    PGresult *next = PQgetResult(server->session);
    if (next == NULL) {
      break;
    }
    PQclear(rows);
    rows = next;
  }
  if (PQresultStatus(rows) != PGRES_TUPLES_OK &&
      PQresultStatus(rows) != PGRES_COMMAND_OK) {
    PQclear(rows);
    return copy_libpq_error(server, -EIO, call->error);
  }
  *ret_rows = rows;
  return 0;
}

int pg_client_query(struct pg_client *server, const char *sql,
                    const char *const *parameters, int parameters_len,
                    const struct action_call *call, PGresult **ret_rows) {
  int code = 0;
  if (server->session == NULL) {
    code = open_pg_session(server, call);
  }
  if (code == 0 && PQsendQueryParams(server->session, sql, parameters_len, NULL,
                                     parameters, NULL, NULL, 0) == 0) {
    code = copy_libpq_error(server, -EIO, call->error);
  }
  if (code == 0) {
    code = send_whole_query(server, call);
  }
  if (code == 0) {
    code = read_rows(server, call, ret_rows);
  }
  if (code != 0) {
    pg_client_close(server);
  }
  return code;
}

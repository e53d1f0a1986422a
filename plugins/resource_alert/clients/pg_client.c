/* SPDX-License-Identifier: MIT */
/* pg_client: one statement at a time on a PostgreSQL server. */
#include "resource_alert/clients/pg_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

struct pg_client {
  const char *const *keywords;
  const char *const *values;
  PGconn *session; /* NULL while closed */
};

int pg_client_new(const char *const *keywords, const char *const *values,
                  struct pg_client **ret, struct error *error) {
  struct pg_client *server = calloc(1, sizeof(*server));
  if (server == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  server->keywords = keywords;
  server->values = values;
  *ret = server;
  return 0;
}

static void close_pg_session(struct pg_client *server) {
  PQfinish(server->session);
  server->session = NULL;
}

void pg_client_free(struct pg_client *server) {
  if (server != NULL) {
    close_pg_session(server);
    free(server);
  }
}

/* libpq's message, without its newline. */
static int copy_libpq_error(const struct pg_client *server, int code,
                            struct error *error) {
  const char *text = PQerrorMessage(server->session);
  return error_set(error, code, "%.*s", (int)strcspn(text, "\n"), text);
}

/* Waits for the session's socket. Returns 0, -ETIMEDOUT or -ECANCELED. */
static int wait_for_server(const struct pg_client *server, short events,
                           const struct action_call *call,
                           struct error *error) {
  struct pollfd fds[] = {{.fd = PQsocket(server->session), .events = events},
                         {.fd = call->cancel_fd, .events = POLLIN}};
  int ready = poll(fds, 2, clock_left_ms(call->deadline_ms));
  if (ready == 0) {
    return error_set(error, -ETIMEDOUT, "no response in time");
  }
  if (ready > 0 && fds[1].revents != 0) {
    return error_set(error, -ECANCELED, "collectd stops");
  }
  return 0;
}

/* Without blocking, but for the resolver. */
static int open_pg_session(struct pg_client *server,
                           const struct action_call *call,
                           struct error *error) {
  server->session = PQconnectStartParams(server->keywords, server->values, 0);
  if (server->session == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  if (PQstatus(server->session) == CONNECTION_BAD) {
    return copy_libpq_error(server, -ECONNREFUSED, error);
  }
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    int code = wait_for_server(
        server, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, call, error);
    if (code != 0) {
      return code;
    }
    state = PQconnectPoll(server->session);
    if (state == PGRES_POLLING_FAILED) {
      return copy_libpq_error(server, -ECONNREFUSED, error);
    }
  }
  return PQsetnonblocking(server->session, 1) == 0
             ? 0
             : copy_libpq_error(server, -ECONNREFUSED, error);
}

/* Reads while it writes, or both sides could wait for each other. */
static int send_whole_query(struct pg_client *server,
                            const struct action_call *call,
                            struct error *error) {
  int left;
  while ((left = PQflush(server->session)) > 0) {
    int code = wait_for_server(server, POLLIN | POLLOUT, call, error);
    if (code != 0) {
      return code;
    }
    if (PQconsumeInput(server->session) == 0) {
      return copy_libpq_error(server, -EIO, error);
    }
  }
  return left == 0 ? 0 : copy_libpq_error(server, -EIO, error);
}

/* Reads until there are no more results; the last one counts. */
static int read_rows(struct pg_client *server, const struct action_call *call,
                     PGresult **ret_rows, struct error *error) {
  PGresult *rows = NULL;
  for (;;) {
    while (PQisBusy(server->session) != 0) {
      int code = wait_for_server(server, POLLIN, call, error);
      if (code == 0 && PQconsumeInput(server->session) == 0) {
        code = copy_libpq_error(server, -EIO, error);
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
    return copy_libpq_error(server, -EIO, error);
  }
  *ret_rows = rows;
  return 0;
}

int pg_client_query(struct pg_client *server, const char *sql,
                    const char *const *parameters, int parameters_len,
                    const struct action_call *call, PGresult **ret_rows,
                    struct error *error) {
  int code = 0;
  if (server->session == NULL) {
    code = open_pg_session(server, call, error);
  }
  if (code == 0 && PQsendQueryParams(server->session, sql, parameters_len, NULL,
                                     parameters, NULL, NULL, 0) == 0) {
    code = copy_libpq_error(server, -EIO, error);
  }
  if (code == 0) {
    code = send_whole_query(server, call, error);
  }
  if (code == 0) {
    code = read_rows(server, call, ret_rows, error);
  }
  if (code != 0) {
    close_pg_session(server);
  }
  return code;
}

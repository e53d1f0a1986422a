/* SPDX-License-Identifier: MIT */
/* pg_client: one statement at a time on a PostgreSQL server.
 *
 * A session that failed in any way is closed, since results of the old
 * statement could still arrive in it. */
#include "resource_alert/clients/pg_client.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "core/clock.h"
#include "core/shared_library.h"

#define ANSWER_BYTES_MAX 1048576

#define PQ_FUNCTIONS(X)                                                        \
  X(PQ, clear)                                                                 \
  X(PQ, connectPoll)                                                           \
  X(PQ, connectStartParams)                                                    \
  X(PQ, errorMessage)                                                          \
  X(PQ, finish)                                                                \
  X(PQ, resultErrorField)                                                      \
  X(PQ, resultErrorMessage)                                                    \
  X(PQ, resultStatus)                                                          \
  X(PQ, sendQuery)                                                             \
  X(PQ, sendQueryParams)                                                       \
  X(PQ, setErrorVerbosity)                                                     \
  X(PQ, setnonblocking)                                                        \
  X(PQ, status)
SHARED_LIBRARY(pq, PQ_FUNCTIONS, LIBPQ_SONAME);

int pg_client_load_library(struct error *error) {
  int code = pg_exchange_load_library(error);
  return code != 0 ? code : shared_library_load(&pq_library, NULL, error);
}

void pg_client_close(struct pg_client *client) {
  if (client->session != NULL) {
    pq.finish(client->session);
    client->session = NULL;
  }
}

/* ---- errors ---- */

/* The first that STATE begins with; see PostgreSQL's appendix A. */
static int translate_sqlstate(const char *state) {
  static const struct {
    const char *prefix;
    int code;
  } meanings[] = {
      {"25006", -EACCES},    /* a read-only transaction */
      {"28", -EACCES},       /* login */
      {"42501", -EACCES},    /* privilege */
      {"3D000", -ENOENT},    /* no such database */
      {"3F000", -ENOENT},    /* no such schema */
      {"42P01", -ENOENT},    /* no such table */
      {"57014", -ETIMEDOUT}, /* statement_timeout */
      {"40", -EBUSY},        /* a conflict with another transaction */
      {"53", -EBUSY},        /* no session, memory or disk left */
      {"55P03", -EBUSY},     /* lock_timeout */
      {"57P", -EBUSY},       /* the server starts or stops */
      {"08P01", -EINVAL},    /* PgBouncer refuses a parameter */
      {"2", -EINVAL},        {"42", -EINVAL},
  };
  for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
    if (strncmp(state, meanings[i].prefix, strlen(meanings[i].prefix)) == 0) {
      return meanings[i].code;
    }
  }
  return -EIO;
}

/* The SQLSTATE in a verbose message, as in "FATAL:  28P01: password ...". NULL:
 * the server has not spoken. */
static const char *find_sqlstate(const char *message) {
  const char *state = strstr(message, ":  ");
  for (; state != NULL; state = strstr(state, ":  ")) {
    size_t length = 0;
    state += strlen(":  ");
    while (isupper((unsigned char)state[length]) ||
           isdigit((unsigned char)state[length])) {
      length++;
    }
    if (length == 5 && state[length] == ':') {
      return state;
    }
  }
  return NULL;
}

static int set_connect_error(const struct pg_client *client,
                             struct error *error) {
  const char *message = pq.errorMessage(client->session);
  const char *state = find_sqlstate(message);
  return pg_exchange_set_error(
      message, state == NULL ? -ECONNREFUSED : translate_sqlstate(state),
      error);
}

/* ---- connecting ---- */

/* Without blocking, but for the resolver. */
static int connect_to_host(struct pg_client *client, int64_t deadline_ms,
                           const struct action_call *call) {
  const char *keywords[16] = {"host"};
  const char *values[16] = {client->hosts[client->current]};
  for (size_t i = 0; i < 14 && client->keywords[i] != NULL; i++) {
    keywords[i + 1] = client->keywords[i];
    values[i + 1] = client->values[i];
  }
  client->session = pq.connectStartParams(keywords, values, 0);
  if (client->session == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  if (pq.status(client->session) == CONNECTION_BAD) {
    return set_connect_error(client, call->error);
  }
  pg_exchange_ignore_notices(client->session);
  (void)pq.setErrorVerbosity(client->session, PQERRORS_VERBOSE);
  const struct pg_exchange exchange = {client->session, deadline_ms,
                                       call->cancel_fd, ANSWER_BYTES_MAX};
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    int code = pg_exchange_wait(
        &exchange, state == PGRES_POLLING_READING ? POLLIN : POLLOUT,
        call->error);
    if (code != 0) {
      return code;
    }
    state = pq.connectPoll(client->session);
    if (state == PGRES_POLLING_FAILED) {
      return set_connect_error(client, call->error);
    }
  }
  (void)pq.setErrorVerbosity(client->session, PQERRORS_DEFAULT);
  return pq.setnonblocking(client->session, 1) == 0
             ? 0
             : set_connect_error(client, call->error);
}

/* libpq would give the first host all of the time. */
static int open_session(struct pg_client *client,
                        const struct action_call *call) {
  int code = -EINVAL;
  for (size_t left = client->hosts_len; left > 0; left--) {
    int64_t now_ms = clock_monotonic_ms();
    int64_t share_ms = (call->deadline_ms - now_ms) / (int64_t)left;
    code = connect_to_host(client, now_ms + share_ms, call);
    if (code == 0 || code == -ECANCELED) {
      break;
    }
    pg_client_close(client);
    client->current = (client->current + 1) % client->hosts_len;
  }
  return code;
}

/* ---- statements ---- */

/* The last result counts; an error ends them. Takes ownership of NEXT. */
static int take_result(PGresult *next, PGresult **rows, struct error *error) {
  pq.clear(*rows);
  *rows = next;
  ExecStatusType status = pq.resultStatus(next);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
    return 0;
  }
  const char *state = pq.resultErrorField(next, PG_DIAG_SQLSTATE);
  return pg_exchange_set_error(
      pq.resultErrorMessage(next),
      state == NULL ? -ECONNRESET : translate_sqlstate(state), error);
}

static int receive_rows(struct pg_exchange *exchange, PGresult **ret_rows,
                        struct error *error) {
  PGresult *rows = NULL;
  PGresult *next = NULL;
  int code = pg_exchange_flush(exchange, error);
  while (code == 0 &&
         (code = pg_exchange_receive(exchange, &next, error)) == 0 &&
         next != NULL) {
    code = take_result(next, &rows, error);
  }
  if (code == 0 && rows == NULL) {
    code = error_set(error, -EPROTO, "the server has sent no result");
  }
  if (code != 0) {
    pq.clear(rows);
    return code == -EPIPE ? -ECONNRESET : code;
  }
  *ret_rows = rows;
  return 0;
}

int pg_client_query(struct pg_client *client, const char *sql,
                    const char *const *parameters, int parameters_len,
                    const struct action_call *call, PGresult **ret_rows) {
  int code = client->session == NULL ? open_session(client, call) : 0;
  if (code != 0) {
    return code;
  }
  struct pg_exchange exchange = {client->session, call->deadline_ms,
                                 call->cancel_fd, ANSWER_BYTES_MAX};
  int is_given = parameters_len == 0
                     ? pq.sendQuery(client->session, sql)
                     : pq.sendQueryParams(client->session, sql, parameters_len,
                                          NULL, parameters, NULL, NULL, 0);
  code = is_given != 0 ? receive_rows(&exchange, ret_rows, call->error)
                       : pg_exchange_set_error(pq.errorMessage(client->session),
                                               -ECONNRESET, call->error);
  if (code != 0) {
    pg_client_close(client);
  }
  return code;
}

/* SPDX-License-Identifier: MIT */
/* connection: a session on PostgreSQL or on PgBouncer's console that is kept
 * from one read to the next. */
#include "dbpool/connection.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/text.h"
#include "dbpool/attempt.h"

#define PARAMETERS_MAX 16
#define SQLSTATE_FULL "  53300: " /* as PQERRORS_VERBOSE puts it */

struct connection {
  const struct endpoint_options *endpoint;
  struct connection_defaults defaults;
  struct attempt *attempt; /* while connecting */
  PGconn *session;         /* while open */
  bool is_asked;
  int64_t asked_ns;     /* when */
  struct answer answer; /* what has come of it so far */
};

void answer_fini(struct answer *answer) {
  for (size_t i = 0; i < answer->len; i++) {
    PQclear(answer->results[i]);
  }
  *answer = (struct answer){0};
}

struct connection *connection_new(const struct endpoint_options *endpoint,
                                  struct connection_defaults defaults) {
  struct connection *connection = calloc(1, sizeof(*connection));
  if (connection != NULL) {
    connection->endpoint = endpoint;
    connection->defaults = defaults;
  }
  return connection;
}

void connection_close(struct connection *connection) {
  answer_fini(&connection->answer);
  connection->is_asked = false;
  PQfinish(connection->session);
  connection->session = NULL;
}

void connection_free(struct connection *connection, int64_t deadline_ms) {
  if (connection == NULL) {
    return;
  }
  attempt_free(connection->attempt, deadline_ms);
  connection_close(connection);
  free(connection);
}

PGconn *connection_session(struct connection *connection) {
  return connection->session;
}

bool connection_is_asked(const struct connection *connection) {
  return connection->is_asked;
}

/* libpq says a lot, in lines; the first one has what matters. Part of it may
 * come from whatever is at the other end. */
static int fail(const char *message, int code, struct error *error) {
  char line[ERROR_TEXT_BYTES];
  char text[ERROR_TEXT_BYTES];
  (void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(message, "\n"),
                 message);
  text_escape(text, sizeof(text), line);
  if (strstr(message, SQLSTATE_FULL) != NULL) {
    code = -EUSERS;
  }
  return error_set(error, code, "%s", text);
}

/* ---- connecting ---- */

struct parameters {
  const char *keywords[PARAMETERS_MAX];
  const char *values[PARAMETERS_MAX];
  size_t len;
};

static void add(struct parameters *parameters, const char *keyword,
                const char *value) {
  if (value != NULL && parameters->len + 1 < PARAMETERS_MAX) {
    parameters->keywords[parameters->len] = keyword;
    parameters->values[parameters->len++] = value;
  }
}

static struct attempt *start_attempt(const struct connection *connection) {
  const struct endpoint_options *endpoint = connection->endpoint;
  const struct connection_defaults *defaults = &connection->defaults;
  char port[16];
  (void)snprintf(port, sizeof(port), "%" PRId64, endpoint->port);
  struct parameters list = {.len = 0};
  add(&list, "service", endpoint->service);
  add(&list, "host", endpoint->host);
  if (endpoint->port != 0) {
    add(&list, "port", port);
  } else if (endpoint->service == NULL) {
    add(&list, "port", defaults->port);
  }
  add(&list, "dbname",
      endpoint->database != NULL ? endpoint->database : defaults->database);
  add(&list, "user", endpoint->user);
  add(&list, "passfile", endpoint->pass_file);
  if (endpoint->ssl_mode != 0) {
    add(&list, "sslmode", endpoint_ssl_modes[endpoint->ssl_mode]);
  }
  add(&list, "sslrootcert", endpoint->ssl_root_cert);
  add(&list, "sslcert", endpoint->ssl_cert);
  add(&list, "sslkey", endpoint->ssl_key);
  add(&list, "options", defaults->options);
  add(&list, "application_name", "collectd");
  add(&list, "gssencmode", "disable"); /* asks a KDC, which may be far */
  return attempt_start(list.keywords, list.values,
                       (int64_t)(endpoint->timeout_s * 1000));
}

/* An attempt of an earlier read that has failed since says nothing about now:
 * it is dropped. One that has succeeded is welcome. */
static void drop_failed_attempt(struct connection *connection) {
  if (connection->attempt == NULL || !attempt_wait(connection->attempt, 0)) {
    return;
  }
  connection->session = attempt_take(connection->attempt);
  attempt_free(connection->attempt, 0);
  connection->attempt = NULL;
  if (PQstatus(connection->session) != CONNECTION_OK) {
    connection_close(connection);
  }
}

static int finish_attempt(struct connection *connection, struct error *error) {
  connection->session = attempt_take(connection->attempt);
  attempt_free(connection->attempt, 0);
  connection->attempt = NULL;
  if (connection->session == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  if (PQstatus(connection->session) == CONNECTION_OK) {
    return 0;
  }
  bool is_late = PQstatus(connection->session) != CONNECTION_BAD;
  int code =
      is_late ? error_set(error, -ETIMEDOUT, "did not answer within %g s",
                          connection->endpoint->timeout_s)
              : fail(PQerrorMessage(connection->session), -ECONNREFUSED, error);
  connection_close(connection);
  return code;
}

int connection_open(struct connection *connection, int64_t deadline_ms,
                    struct error *error) {
  if (connection->session != NULL) {
    return 0;
  }
  drop_failed_attempt(connection);
  if (connection->session == NULL) {
    if (connection->attempt == NULL) {
      connection->attempt = start_attempt(connection);
    }
    if (connection->attempt == NULL) {
      return error_set(error, -ENOMEM, "no thread to connect with");
    }
    if (!attempt_wait(connection->attempt, deadline_ms)) {
      return error_set(error, -EAGAIN, "no connection in time");
    }
    int code = finish_attempt(connection, error);
    if (code != 0) {
      return code;
    }
  }
  (void)PQsetnonblocking(connection->session, 1);
  return 0;
}

/* ---- asking ---- */

static int wait_for(PGconn *session, short events, int64_t deadline_ms,
                    struct error *error) {
  struct pollfd wait = {.fd = PQsocket(session), .events = events};
  for (;;) {
    int left_ms = clock_left_ms(deadline_ms);
    int ready = poll(&wait, 1, left_ms);
    if (ready > 0) {
      return 0;
    }
    if (ready == 0) {
      return error_set(error, -EAGAIN, "no answer in time");
    }
    if (errno != EINTR) {
      return error_set(error, -EPIPE, "poll failed: error %d", errno);
    }
  }
}

/* Gets what was sent on its way; reads meanwhile, so that neither side waits
 * for the other. */
static int flush(PGconn *session, int64_t deadline_ms, struct error *error) {
  int left;
  while ((left = PQflush(session)) == 1) {
    int code = wait_for(session, POLLIN | POLLOUT, deadline_ms, error);
    if (code != 0) {
      return code;
    }
    if (PQconsumeInput(session) == 0) {
      return fail(PQerrorMessage(session), -EPIPE, error);
    }
  }
  return left == 0 ? 0 : fail(PQerrorMessage(session), -EPIPE, error);
}

/* *ret_result: NULL behind the last one. */
static int next_result(PGconn *session, int64_t deadline_ms,
                       PGresult **ret_result, struct error *error) {
  while (PQisBusy(session) == 1) {
    int code = wait_for(session, POLLIN, deadline_ms, error);
    if (code != 0) {
      return code;
    }
    if (PQconsumeInput(session) == 0) {
      return fail(PQerrorMessage(session), -EPIPE, error);
    }
  }
  *ret_result = PQgetResult(session);
  return 0;
}

/* An administrator's pg_terminate_backend(), a server that shuts down: the
 * error arrives before the end of the connection does. */
static bool is_end_of_session(const PGconn *session, const PGresult *result) {
  const char *severity =
      PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  return PQstatus(session) == CONNECTION_BAD ||
         (severity != NULL && strcmp(severity, "ERROR") != 0);
}

/* Takes the result over. */
static int keep_result(PGconn *session, PGresult *result, struct answer *answer,
                       struct error *error) {
  ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK && answer->len < ANSWER_RESULTS_MAX) {
    answer->results[answer->len++] = result;
    return 0;
  }
  int code = 0;
  if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
    code = fail(PQresultErrorMessage(result),
                is_end_of_session(session, result) ? -EPIPE : -EPROTO, error);
  } else if (status != PGRES_COMMAND_OK) {
    code =
        error_set(error, -EPROTO, "unexpected answer: %s", PQresStatus(status));
  }
  PQclear(result);
  return code;
}

static int collect(PGconn *session, int64_t deadline_ms, struct answer *answer,
                   struct error *error) {
  for (;;) {
    PGresult *result = NULL;
    int code = next_result(session, deadline_ms, &result, error);
    if (code != 0 || result == NULL) {
      return code;
    }
    code = keep_result(session, result, answer, error);
    if (code != 0) {
      return code;
    }
  }
}

static int send_question(struct connection *connection, const char *sql,
                         struct error *error) {
  connection->is_asked = true;
  connection->asked_ns = clock_monotonic_ns();
  return PQsendQuery(connection->session, sql) != 0
             ? 0
             : fail(PQerrorMessage(connection->session), -EPIPE, error);
}

int connection_ask(struct connection *connection, const char *sql,
                   int64_t deadline_ms, struct answer *answer,
                   struct error *error) {
  *answer = (struct answer){0};
  PGconn *session = connection->session;
  if (session == NULL) {
    return error_set(error, -EPIPE, "not connected");
  }
  int code = connection->is_asked ? 0 : send_question(connection, sql, error);
  if (code == 0) {
    code = flush(session, deadline_ms, error);
  }
  if (code == 0) {
    code = collect(session, deadline_ms, &connection->answer, error);
  }
  if (code == 0) {
    connection->answer.took_ns = clock_monotonic_ns() - connection->asked_ns;
    connection->is_asked = false;
    *answer = connection->answer;
    connection->answer = (struct answer){0};
  } else if (code != -EAGAIN) {
    connection_close(connection);
  }
  return code;
}

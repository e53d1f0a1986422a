/* SPDX-License-Identifier: MIT */
/* pg_connection: a session on PostgreSQL or on PgBouncer's console that is kept
 * from one read to the next. */
#include "dbpool/pg_connection.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/pg_exchange.h"
#include "core/worker_thread.h"

#define PARAMETERS_MAX 16
/* Some 100,000 sessions. */
#define ANSWER_BYTES_MAX 33554432
#define SQLSTATE_FULL "  53300: " /* as PQERRORS_VERBOSE writes it */
/* How soon a connecting thread notices that it was abandoned. */
#define ABANDON_CHECK_MS 100
/* collectd cannot stop while a read waits, and should stop within 2 s. */
#define BUDGET_MAX_MS 1000

/* Used by one reader at a time, so nothing is locked. The session is either
 * open here or being made by the attempt, never both. */
struct pg_connection {
  const struct dbpool_endpoint_options *endpoint;
  struct pg_connection_defaults defaults;
  struct connect_attempt *attempt; /* while connecting */
  PGconn *session;                 /* while open */
  bool is_pending;
  struct pg_exchange exchange; /* of the pending query */
  int64_t sent_ns;             /* when the pending query was sent */
};

/* ---- an attempt to connect, on a thread of its own ----
 *
 * libpq's asynchronous connect still resolves names and reads its files
 * synchronously, and a slow name server must not hold one of collectd's read
 * threads. So each attempt has a thread; a read waits for it until its
 * deadline, and a later read continues to wait. */

struct connect_attempt {
  struct worker_thread *worker; /* the reader's; runs one item, the attempt */
  atomic_bool is_abandoned;
  PGconn *session; /* the thread's until the item is done, then the reader's */
  const char *keywords[PARAMETERS_MAX]; /* constants */
  char *values[PARAMETERS_MAX];         /* owned */
  int64_t timeout_ms;
};

/* On the reader's thread, or on the attempt's own if it was left behind. */
static void free_attempt(void *context) {
  struct connect_attempt *attempt = context;
  PQfinish(attempt->session);
  for (size_t i = 0; i < PARAMETERS_MAX; i++) {
    free(attempt->values[i]);
  }
  free(attempt);
}

/* Drives libpq until it is connected, has failed, or time is up. */
static void poll_until_connected(struct connect_attempt *attempt) {
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  int64_t deadline_ms = clock_monotonic_ms() + attempt->timeout_ms;
  int left_ms;
  while (next != PGRES_POLLING_OK && next != PGRES_POLLING_FAILED &&
         !attempt->is_abandoned && (left_ms = clock_left_ms(deadline_ms)) > 0) {
    struct pollfd wait = {
        .fd = PQsocket(attempt->session),
        .events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT,
    };
    if (poll(&wait, 1,
             left_ms < ABANDON_CHECK_MS ? left_ms : ABANDON_CHECK_MS) > 0) {
      next = PQconnectPoll(attempt->session);
    }
  }
}

/* On the attempt's thread. Only PQconnectStartParams() may block, while it
 * resolves names. */
static void run_attempt(void *context, void *item) {
  struct connect_attempt *attempt = context;
  (void)item;
  attempt->session = PQconnectStartParams(
      attempt->keywords, (const char *const *)attempt->values, 0);
  if (attempt->session != NULL &&
      PQstatus(attempt->session) != CONNECTION_BAD) {
    (void)PQsetErrorVerbosity(attempt->session,
                              PQERRORS_VERBOSE); /* SQLSTATE */
    pg_exchange_ignore_notices(attempt->session);
    poll_until_connected(attempt);
  }
}

/* Waits WAIT_MS for the thread and frees the attempt; after that the thread
 * frees it. */
static void stop_attempt(struct connect_attempt *attempt, int wait_ms) {
  if (worker_thread_stop(attempt->worker, wait_ms)) {
    free_attempt(attempt);
  }
}

/* ---- a connection's life ---- */

void pg_connection_result_fini(struct pg_connection_result *result) {
  for (size_t i = 0; i < result->len; i++) {
    PQclear(result->tables[i]);
  }
  *result = (struct pg_connection_result){0};
}

struct pg_connection *
pg_connection_new(const struct dbpool_endpoint_options *endpoint,
                  struct pg_connection_defaults defaults) {
  struct pg_connection *connection = calloc(1, sizeof(*connection));
  if (connection != NULL) {
    connection->endpoint = endpoint;
    connection->defaults = defaults;
    connection->exchange.cancel_fd = -1;
  }
  return connection;
}

void pg_connection_close(struct pg_connection *connection) {
  connection->is_pending = false;
  PQfinish(connection->session);
  connection->session = NULL;
}

void pg_connection_free(struct pg_connection *connection, int64_t deadline_ms) {
  if (connection == NULL) {
    return;
  }
  if (connection->attempt != NULL) {
    connection->attempt->is_abandoned = true;
    stop_attempt(connection->attempt, clock_left_ms(deadline_ms));
  }
  pg_connection_close(connection);
  free(connection);
}

PGconn *pg_connection_session(struct pg_connection *connection) {
  return connection->session;
}

bool pg_connection_is_pending(const struct pg_connection *connection) {
  return connection->is_pending;
}

static int set_libpq_error(const char *message, int code, struct error *error) {
  return pg_exchange_set_error(
      message, strstr(message, SQLSTATE_FULL) != NULL ? -EUSERS : code, error);
}

/* ---- connecting ---- */

/* libpq ignores parameters whose value is NULL. Returns false when memory is
 * short. */
static bool copy_parameters(struct connect_attempt *attempt,
                            const char *const (*parameters)[2], size_t len) {
  bool is_complete = true;
  for (size_t i = 0; i < len; i++) {
    const char *value = parameters[i][1];
    attempt->keywords[i] = parameters[i][0];
    attempt->values[i] = value == NULL ? NULL : strdup(value);
    is_complete &= value == NULL || attempt->values[i] != NULL;
  }
  return is_complete;
}

/* What the endpoint does not set is left to libpq, its service file and its
 * environment. Returns NULL when memory or threads are short. */
static struct connect_attempt *
start_attempt(const struct pg_connection *connection) {
  const struct dbpool_endpoint_options *endpoint = connection->endpoint;
  const struct pg_connection_defaults *defaults = &connection->defaults;
  char port[16];
  (void)snprintf(port, sizeof(port), "%" PRId64, endpoint->port);
  const char *const parameters[][2] = {
      {"service", endpoint->service},
      {"host", endpoint->host},
      {"port", endpoint->port != 0         ? port
               : endpoint->service == NULL ? defaults->port
                                           : NULL},
      {"dbname",
       endpoint->database != NULL ? endpoint->database : defaults->database},
      {"user", endpoint->user},
      {"passfile", endpoint->pass_file},
      {"sslmode",
       endpoint->ssl_mode == 0 ? NULL : dbpool_ssl_modes[endpoint->ssl_mode]},
      {"sslrootcert", endpoint->ssl_root_cert},
      {"sslcert", endpoint->ssl_cert},
      {"sslkey", endpoint->ssl_key},
      {"options", defaults->settings},
      {"application_name", "collectd"},
      {"gssencmode", "disable"}, /* would ask a KDC, which may be slow */
  };
  size_t len = sizeof(parameters) / sizeof(parameters[0]);
  _Static_assert(sizeof(parameters) / sizeof(parameters[0]) < PARAMETERS_MAX,
                 "the lists end with NULL");
  struct connect_attempt *attempt = calloc(1, sizeof(*attempt));
  if (attempt == NULL) {
    return NULL;
  }
  attempt->timeout_ms = (int64_t)(endpoint->timeout_s * 1000);
  const struct worker_thread_options options = {
      .work = run_attempt,
      .free_context = free_attempt,
      .context = attempt,
      .items_max = 1,
  };
  if (!copy_parameters(attempt, parameters, len) ||
      worker_thread_new(&options, &attempt->worker, NULL) != 0) {
    free_attempt(attempt);
    return NULL;
  }
  (void)worker_thread_put(attempt->worker, attempt);
  return attempt;
}

/* Takes over the session of a finished attempt if it is good. CONNECTION_BAD is
 * libpq's own failure; in any other state the timeout ended the attempt. */
static int finish_attempt(struct pg_connection *connection,
                          struct error *error) {
  PGconn *session = connection->attempt->session;
  connection->attempt->session = NULL;
  stop_attempt(connection->attempt, ABANDON_CHECK_MS);
  connection->attempt = NULL;
  if (session == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  if (PQstatus(session) == CONNECTION_OK) {
    connection->session = session;
    return 0;
  }
  int code =
      PQstatus(session) == CONNECTION_BAD
          ? set_libpq_error(PQerrorMessage(session), -ECONNREFUSED, error)
          : error_set(error, -ETIMEDOUT, "no answer within %g s",
                      connection->endpoint->timeout_s);
  PQfinish(session);
  return code;
}

int pg_connection_open(struct pg_connection *connection, int64_t deadline_ms,
                       struct error *error) {
  if (connection->session != NULL) {
    return 0;
  }
  if (connection->attempt != NULL &&
      worker_thread_flush(connection->attempt->worker, 0)) {
    /* Begun by an earlier read: a failure is outdated. */
    (void)finish_attempt(connection, NULL);
  }
  if (connection->session == NULL) {
    int code = pg_exchange_load_library(error);
    if (code != 0) {
      return code;
    }
    if (connection->attempt == NULL) {
      connection->attempt = start_attempt(connection);
    }
    if (connection->attempt == NULL) {
      return error_set(error, -ENOMEM, "cannot start a thread to connect");
    }
    if (!worker_thread_flush(connection->attempt->worker,
                             clock_left_ms(deadline_ms))) {
      return error_set(error, -EAGAIN, "no connection in time");
    }
    code = finish_attempt(connection, error);
    if (code != 0) {
      return code;
    }
  }
  (void)PQsetnonblocking(connection->session, 1);
  return 0;
}

/* ---- querying ---- */

/* On pg_terminate_backend() and when a server shuts down, the error arrives
 * before the connection ends. */
static bool has_session_ended(const PGconn *session, const PGresult *table) {
  const char *severity =
      PQresultErrorField(table, PG_DIAG_SEVERITY_NONLOCALIZED);
  return PQstatus(session) == CONNECTION_BAD ||
         (severity != NULL && strcmp(severity, "ERROR") != 0);
}

/* Takes ownership of the table. */
static int take_query_answer(const PGconn *session, PGresult *table,
                             struct pg_connection_result *result,
                             struct error *error) {
  ExecStatusType status = PQresultStatus(table);
  if (status == PGRES_TUPLES_OK && result->len < PG_CONNECTION_TABLES_MAX) {
    result->tables[result->len++] = table;
    return 0;
  }
  int code = 0;
  if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
    code = set_libpq_error(PQresultErrorMessage(table),
                           has_session_ended(session, table) ? -EPIPE : -EPROTO,
                           error);
  } else if (status != PGRES_COMMAND_OK) {
    code =
        error_set(error, -EPROTO, "unexpected answer: %s", PQresStatus(status));
  }
  PQclear(table);
  return code;
}

static int receive_tables(struct pg_exchange *exchange,
                          struct pg_connection_result *result,
                          struct error *error) {
  PGresult *table = NULL;
  int code;
  while ((code = pg_exchange_receive(exchange, &table, error)) == 0 &&
         table != NULL) {
    code = take_query_answer(exchange->session, table, result, error);
    if (code != 0) {
      return code;
    }
  }
  return code;
}

int pg_connection_query(struct pg_connection *connection, const char *sql,
                        int64_t deadline_ms,
                        struct pg_connection_result *result,
                        struct error *error) {
  PGconn *session = connection->session;
  if (session == NULL) {
    return error_set(error, -EPIPE, "not connected");
  }
  int code = 0;
  connection->exchange.session = session;
  connection->exchange.deadline_ms = deadline_ms;
  if (!connection->is_pending) {
    connection->is_pending = true;
    connection->exchange.bytes_left = ANSWER_BYTES_MAX;
    connection->sent_ns = clock_monotonic_ns();
    if (PQsendQuery(session, sql) == 0) {
      code = set_libpq_error(PQerrorMessage(session), -EPIPE, error);
    }
  }
  if (code == 0) {
    code = pg_exchange_flush(&connection->exchange, error);
  }
  if (code == 0) {
    code = receive_tables(&connection->exchange, result, error);
  }
  if (code == 0) {
    result->took_ns += clock_monotonic_ns() - connection->sent_ns;
    connection->is_pending = false;
  } else if (code == -ETIMEDOUT) {
    code = -EAGAIN; /* continued by the next read */
  } else {
    pg_connection_close(connection);
  }
  return code;
}

/* ---- a server that is queried at each read ---- */

int pg_connection_target_init(struct pg_connection_target *target,
                              const char *name,
                              const struct dbpool_endpoint_options *endpoint,
                              struct pg_connection_defaults defaults,
                              const struct log_sink *log) {
  *target = (struct pg_connection_target){
      .name = name,
      .connection = pg_connection_new(endpoint, defaults),
      .timeout_ms = (int64_t)(endpoint->timeout_s * 1000),
      .log = log,
  };
  return target->connection == NULL ? -ENOMEM : 0;
}

static int64_t earlier_of(int64_t a, int64_t b) { return a < b ? a : b; }

/* How long this read may wait: half of the interval, so that collectd keeps its
 * rhythm, and half of that for a target that is known to be down. */
static int64_t compute_budget_ms(const struct pg_connection_target *target,
                                 int64_t interval_ms) {
  int64_t budget_ms = earlier_of(target->timeout_ms, interval_ms / 2);
  budget_ms = earlier_of(budget_ms, BUDGET_MAX_MS);
  return target->complaint.is_open ? budget_ms / 2 : budget_ms;
}

/* Connecting and querying share one deadline, that of the read. */
static int connect_and_exchange(struct pg_connection_target *target,
                                int64_t deadline_ms,
                                pg_connection_target_exchange *exchange,
                                void *context, struct error *error) {
  int code = pg_connection_open(target->connection, deadline_ms, error);
  return code != 0 ? code
                   : exchange(context, target->connection, deadline_ms, error);
}

/* At once, then hourly with the number of failures so far. */
static void log_failure(struct pg_connection_target *target,
                        const struct error *error) {
  if (!log_complaint_fail(&target->complaint, clock_monotonic_ms())) {
    return;
  }
  if (target->complaint.count == 1) {
    log_write(target->log, LOG_LEVEL_ERROR, "%s: %s; trying again at each read",
              target->name, error->text);
  } else {
    log_write(target->log, LOG_LEVEL_ERROR,
              "%s: %s; failed %" PRIu64 " times so far", target->name,
              error->text, target->complaint.count);
  }
}

static void log_recovery(struct pg_connection_target *target) {
  int64_t lasted_ms = 0;
  if (log_complaint_clear(&target->complaint, clock_monotonic_ms(),
                          &lasted_ms)) {
    log_write(target->log, LOG_LEVEL_NOTICE,
              "%s: answers again after %" PRId64 " s", target->name,
              (lasted_ms + 500) / 1000);
  }
}

int pg_connection_target_query(struct pg_connection_target *target,
                               int64_t interval_ms,
                               pg_connection_target_exchange *exchange,
                               void *context) {
  struct error error = {{0}};
  int64_t now_ms = clock_monotonic_ms();
  if (target->expires_ms == 0) {
    target->expires_ms = now_ms + target->timeout_ms;
  }
  int64_t deadline_ms = earlier_of(
      target->expires_ms, now_ms + compute_budget_ms(target, interval_ms));
  /* An open session may have ended since the last read; a new one is tried at
   * once, so that a restart of the server leaves no gap. */
  bool was_open = pg_connection_session(target->connection) != NULL;
  int code =
      connect_and_exchange(target, deadline_ms, exchange, context, &error);
  if (code == -EPIPE && was_open) {
    code = connect_and_exchange(target, deadline_ms, exchange, context, &error);
  }
  if (code == -EAGAIN && clock_monotonic_ms() < target->expires_ms) {
    return target->complaint.is_open ? -ETIMEDOUT : code;
  }
  target->expires_ms = 0;
  if (code == -EAGAIN) {
    pg_connection_close(target->connection);
    code = -ETIMEDOUT;
  }
  if (code != 0) {
    log_failure(target, &error);
  } else {
    log_recovery(target);
  }
  return code;
}

void pg_connection_target_fini(struct pg_connection_target *target,
                               int64_t deadline_ms) {
  pg_connection_free(target->connection, deadline_ms);
  target->connection = NULL;
}

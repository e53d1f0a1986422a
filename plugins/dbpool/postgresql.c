/* SPDX-License-Identifier: MIT */
/* postgresql: what to ask a PostgreSQL server, and what its answer means. */
#include "dbpool/postgresql.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbpool/rows.h"

/* The columns of each statement, in its order. */
enum { NOW, OWN_PID, MAX_CONNECTIONS, RESERVED, RESERVED_ROLE, SETTINGS };
enum {
  PID,
  DATABASE,
  ROLE,
  APPLICATION,
  ADDRESS,
  PORT,
  BACKEND_TYPE,
  STATE,
  IS_WAITING,
  BACKEND_START,
  XACT_START,
  STATE_CHANGE,
  QUERY,
  COLUMNS
};
enum { DB_NAME, DB_LIMIT, DB_ABANDONED, DB_FATAL, DB_KILLED, DB_COLUMNS };
enum { ROLE_NAME, ROLE_LIMIT, ROLE_COLUMNS };

/* ---- the question ---- */

void postgresql_write_options(char *text, size_t bytes, int64_t timeout_ms) {
  (void)snprintf(text, bytes,
                 "-c search_path=pg_catalog -c default_transaction_read_only=on"
                 " -c lock_timeout=%" PRId64 " -c statement_timeout=%" PRId64,
                 timeout_ms, timeout_ms);
}

/* Times are asked for in whole microseconds: exact, short, and quick to read;
 * numeric, which extract() gives since 14, is slow. There is no condition on
 * backend_type, for it made the planner nest loops. */
static const char settings_sql[] =
    "SELECT (date_part('epoch',clock_timestamp())*1000000)::int8,"
    "pg_backend_pid(),current_setting('max_connections'),"
    "current_setting('superuser_reserved_connections'),"
    "current_setting('reserved_connections',true)";

static const char sessions_sql[] =
    "SELECT pid,datname,usename,application_name,client_addr,client_port,"
    "%s,state,wait_event_type='Lock',"
    "(date_part('epoch',backend_start)*1000000)::int8,"
    "(date_part('epoch',xact_start)*1000000)::int8,"
    "(date_part('epoch',state_change)*1000000)::int8,"
    "CASE WHEN state<>'active' AND state_change<clock_timestamp()"
    "-interval '%" PRId64 " seconds' THEN left(query,120) END "
    "FROM pg_stat_activity";

/* Before 10 only sessions and autovacuum workers are listed; a worker has no
 * client. */
static const char type_before_10[] =
    "CASE WHEN state IS NULL OR client_port IS NOT NULL"
    " THEN 'client backend' END";

static const char databases_sql[] =
    "SELECT d.datname,d.datconnlimit,%s FROM pg_database d "
    "JOIN pg_stat_database s ON s.datid=d.oid";

static const char roles_sql[] =
    "SELECT rolname,rolconnlimit FROM pg_roles WHERE rolconnlimit>=0";

int postgresql_write_question(char *text, size_t bytes, int version,
                              int64_t quiet_s, struct error *error) {
  if (version < POSTGRESQL_VERSION_MIN) {
    return error_set(error, -ENOTSUP,
                     "the server says it is version %d.%d; 9.6 or later is "
                     "needed",
                     version / 10000, version / 100 % 100);
  }
  char sessions[sizeof(sessions_sql) + 128];
  char databases[sizeof(databases_sql) + 96];
  (void)snprintf(sessions, sizeof(sessions), sessions_sql,
                 version < 100000 ? type_before_10 : "backend_type", quiet_s);
  (void)snprintf(
      databases, sizeof(databases), databases_sql,
      version < 140000
          ? "NULL,NULL,NULL"
          : "s.sessions_abandoned,s.sessions_fatal,s.sessions_killed");
  (void)snprintf(text, bytes, "%s;%s;%s;%s", settings_sql, sessions, databases,
                 roles_sql);
  return 0;
}

/* ---- the answer ---- */

static enum session_state state_at(const PGresult *rows, int row, int column) {
  static const struct {
    const char *text;
    enum session_state state;
  } states[] = {
      {"idle", SESSION_IDLE},
      {"active", SESSION_ACTIVE},
      {"idle in transaction", SESSION_IN_TRANSACTION},
      {"idle in transaction (aborted)", SESSION_ABORTED},
      {"fastpath function call", SESSION_ACTIVE},
  };
  const char *text = PQgetvalue(rows, row, column);
  for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
    if (strcmp(text, states[i].text) == 0) {
      return states[i].state;
    }
  }
  return SESSION_HIDDEN; /* NULL, or "disabled": track_activities is off */
}

/* Where we lack the privilege, the type is NULL, too, like the state; then a
 * process with a database and a role is taken for a client's. */
static bool is_client(const PGresult *rows, int row) {
  if (!PQgetisnull(rows, row, BACKEND_TYPE)) {
    return strcmp(PQgetvalue(rows, row, BACKEND_TYPE), "client backend") == 0;
  }
  return PQgetisnull(rows, row, STATE) && !PQgetisnull(rows, row, DATABASE) &&
         !PQgetisnull(rows, row, ROLE);
}

static bool is_untracked(const PGresult *rows, int row) {
  return strcmp(PQgetvalue(rows, row, STATE), "disabled") == 0;
}

static struct session session_at(const PGresult *rows, int row) {
  return (struct session){
      .pid = rows_number(rows, row, PID, 0),
      .backend_start_us = rows_number(rows, row, BACKEND_START, 0),
      .xact_start_us = rows_number(rows, row, XACT_START, 0),
      .state_change_us = rows_number(rows, row, STATE_CHANGE, 0),
      .state = state_at(rows, row, STATE),
      .is_waiting = rows_is_true(rows, row, IS_WAITING),
      .client_port = (int)rows_number(rows, row, PORT, 0),
      .database = PQgetvalue(rows, row, DATABASE),
      .role = PQgetvalue(rows, row, ROLE),
      .application = PQgetvalue(rows, row, APPLICATION),
      .client_address = PQgetvalue(rows, row, ADDRESS),
      .query = PQgetvalue(rows, row, QUERY),
  };
}

static int parse_settings(const PGresult *rows, struct postgresql_view *view) {
  if (PQntuples(rows) != 1) {
    return -EPROTO;
  }
  view->now_us = rows_number(rows, 0, NOW, 0);
  view->own_pid = rows_number(rows, 0, OWN_PID, 0);
  view->connection_limit = rows_number(rows, 0, MAX_CONNECTIONS, 0) -
                           rows_number(rows, 0, RESERVED, 0) -
                           rows_number(rows, 0, RESERVED_ROLE, 0);
  return view->now_us > 0 ? 0 : -EPROTO;
}

static int parse_sessions(const PGresult *rows, struct postgresql_view *view) {
  int len = PQntuples(rows);
  struct session *larger = rows_reserve(view->sessions, &view->sessions_size,
                                        (size_t)len, sizeof(*larger));
  if (larger == NULL) {
    return -ENOMEM;
  }
  view->sessions = larger;
  view->sessions_len = 0;
  view->untracked = 0;
  for (int row = 0; row < len; row++) {
    if (is_client(rows, row)) {
      view->untracked += is_untracked(rows, row) ? 1 : 0;
      view->sessions[view->sessions_len++] = session_at(rows, row);
    }
  }
  return 0;
}

static int parse_databases(const PGresult *rows, struct postgresql_view *view) {
  int len = PQntuples(rows);
  struct postgresql_database *larger = rows_reserve(
      view->databases, &view->databases_size, (size_t)len, sizeof(*larger));
  if (larger == NULL) {
    return -ENOMEM;
  }
  view->databases = larger;
  view->databases_len = (size_t)len;
  for (int row = 0; row < len; row++) {
    view->databases[row] = (struct postgresql_database){
        .name = PQgetvalue(rows, row, DB_NAME),
        .connection_limit = rows_number(rows, row, DB_LIMIT, -1),
        .abandoned = rows_number(rows, row, DB_ABANDONED, -1),
        .fatal = rows_number(rows, row, DB_FATAL, -1),
        .killed = rows_number(rows, row, DB_KILLED, -1),
    };
  }
  return 0;
}

static int parse_roles(const PGresult *rows, struct postgresql_view *view) {
  int len = PQntuples(rows);
  struct postgresql_role *larger = rows_reserve(view->roles, &view->roles_size,
                                                (size_t)len, sizeof(*larger));
  if (larger == NULL) {
    return -ENOMEM;
  }
  view->roles = larger;
  view->roles_len = (size_t)len;
  for (int row = 0; row < len; row++) {
    view->roles[row] = (struct postgresql_role){
        .name = PQgetvalue(rows, row, ROLE_NAME),
        .connection_limit = rows_number(rows, row, ROLE_LIMIT, -1),
    };
  }
  return 0;
}

int postgresql_parse(PGresult *const *results, size_t len,
                     struct postgresql_view *view, struct error *error) {
  static const struct {
    int columns;
    int (*parse)(const PGresult *rows, struct postgresql_view *view);
  } statements[] = {
      {SETTINGS, parse_settings},
      {COLUMNS, parse_sessions},
      {DB_COLUMNS, parse_databases},
      {ROLE_COLUMNS, parse_roles},
  };
  size_t wanted = sizeof(statements) / sizeof(statements[0]);
  if (len != wanted) {
    return error_set(error, -EPROTO, "%zu results instead of %zu", len, wanted);
  }
  for (size_t i = 0; i < len; i++) {
    int code = -EPROTO;
    if (PQnfields(results[i]) == statements[i].columns) {
      code = statements[i].parse(results[i], view);
    }
    if (code == -EPROTO) {
      return error_set(error, code, "statement %zu was answered with nonsense",
                       i + 1);
    }
    if (code != 0) {
      return error_set(error, code, "out of memory");
    }
  }
  return 0;
}

void postgresql_view_fini(struct postgresql_view *view) {
  if (view == NULL) {
    return;
  }
  free(view->sessions);
  free(view->databases);
  free(view->roles);
  *view = (struct postgresql_view){0};
}

/* SPDX-License-Identifier: MIT */
/* postgresql: one PostgreSQL server with the pools that are watched on it.
 *
 * A read goes query -> rows -> sessions -> groups -> pools -> values. */
#include "dbpool/postgresql.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "dbpool/pg_connection.h"
#include "dbpool/pool_monitor.h"

#define NAME_BYTES 160
#define NAMES_BYTES 400
#define SETTINGS_BYTES 256
#define QUERY_BYTES 2048

#define VERSION_MIN 90600
#define VERSION_PG_MONITOR 100000 /* has the role, and backend_type */
#define VERSION_ENDS 140000       /* counts sessions that ended */

/* ---- the query ---- */

/* Times are whole microseconds: exact, short and fast; numeric, the type of
 * extract() since 14, is slow. No condition on backend_type: it made the
 * planner nest loops. The columns are numbered by the enums below. */
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
static const char backend_type_before_10_sql[] =
    "CASE WHEN state IS NULL OR client_port IS NOT NULL"
    " THEN 'client backend' END";

static const char databases_sql[] =
    "SELECT d.datname,d.datconnlimit,%s FROM pg_database d "
    "JOIN pg_stat_database s ON s.datid=d.oid";

static const char roles_sql[] =
    "SELECT rolname,rolconnlimit FROM pg_roles WHERE rolconnlimit>=0";

int postgresql_format_query(char *text, size_t bytes, int version,
                            int64_t quiet_s, struct error *error) {
  if (version < VERSION_MIN) {
    return error_set(error, -ENOTSUP,
                     "the server has version %d.%d; 9.6 or later is required",
                     version / 10000, version / 100 % 100);
  }
  char sessions[sizeof(sessions_sql) + 128];
  char databases[sizeof(databases_sql) + 96];
  (void)snprintf(sessions, sizeof(sessions), sessions_sql,
                 version < VERSION_PG_MONITOR ? backend_type_before_10_sql
                                              : "backend_type",
                 quiet_s);
  (void)snprintf(
      databases, sizeof(databases), databases_sql,
      version < VERSION_ENDS
          ? "NULL,NULL,NULL"
          : "s.sessions_abandoned,s.sessions_fatal,s.sessions_killed");
  (void)snprintf(text, bytes, "%s;%s;%s;%s", settings_sql, sessions, databases,
                 roles_sql);
  return 0;
}

/* ---- its result ---- */

enum { NOW, OWN_PID, MAX_CONNECTIONS, RESERVED, RESERVED_ROLE, SETTINGS };

/* Before 16 there is no reserved_connections: NULL counts as 0. */
static bool parse_settings_row(const PGresult *rows,
                               struct postgresql_stats *stats) {
  if (PQnfields(rows) != SETTINGS || PQntuples(rows) != 1) {
    return false;
  }
  stats->now_us = pg_rows_parse_number(rows, 0, NOW, 0);
  stats->own_pid = pg_rows_parse_number(rows, 0, OWN_PID, 0);
  stats->connection_limit = pg_rows_parse_number(rows, 0, MAX_CONNECTIONS, 0) -
                            pg_rows_parse_number(rows, 0, RESERVED, 0) -
                            pg_rows_parse_number(rows, 0, RESERVED_ROLE, 0);
  return stats->now_us > 0;
}

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
  SESSIONS
};

/* NULL and "disabled" (track_activities is off) are hidden. */
static enum pool_session_state parse_session_state(const char *text) {
  enum pool_session_state state = POOL_SESSION_ACTIVE;
  while (state != POOL_SESSION_HIDDEN &&
         strcmp(text, pool_session_states[state]) != 0) {
    state++;
  }
  bool is_fastpath = state == POOL_SESSION_HIDDEN &&
                     strcmp(text, "fastpath function call") == 0;
  return is_fastpath ? POOL_SESSION_ACTIVE : state;
}

/* Without the privilege the type is NULL like the state; a process with a
 * database and a role is then taken for a client's. */
static bool is_client_backend(const PGresult *rows, int row) {
  if (!PQgetisnull(rows, row, BACKEND_TYPE)) {
    return strcmp(pg_rows_text(rows, row, BACKEND_TYPE), "client backend") == 0;
  }
  return PQgetisnull(rows, row, STATE) && !PQgetisnull(rows, row, DATABASE) &&
         !PQgetisnull(rows, row, ROLE);
}

/* Our own session is read as well, because it counts against the limits of the
 * server; session_groups_build() leaves it out of the pools. */
static bool parse_session_row(const PGresult *rows, int row, void *item,
                              void *context) {
  struct postgresql_stats *stats = context;
  if (!is_client_backend(rows, row)) {
    return false;
  }
  const char *state = pg_rows_text(rows, row, STATE);
  stats->untracked += strcmp(state, "disabled") == 0 ? 1 : 0;
  *(struct pool_session *)item = (struct pool_session){
      .pid = pg_rows_parse_number(rows, row, PID, 0),
      .backend_start_us = pg_rows_parse_number(rows, row, BACKEND_START, 0),
      .xact_start_us = pg_rows_parse_number(rows, row, XACT_START, 0),
      .state_change_us = pg_rows_parse_number(rows, row, STATE_CHANGE, 0),
      .state = parse_session_state(state),
      .is_waiting = pg_rows_text(rows, row, IS_WAITING)[0] == 't',
      .client_port = (int)pg_rows_parse_number(rows, row, PORT, 0),
      .database = pg_rows_text(rows, row, DATABASE),
      .role = pg_rows_text(rows, row, ROLE),
      .application = pg_rows_text(rows, row, APPLICATION),
      .client_address = pg_rows_text(rows, row, ADDRESS),
      .query = pg_rows_text(rows, row, QUERY),
  };
  return true;
}

enum { NAME, LIMIT, ROLES, ABANDONED = ROLES, FATAL, KILLED, DATABASES };

/* Roles have the first two columns of a database. */
static bool parse_limit_row(const PGresult *rows, int row, void *item,
                            void *context) {
  struct postgresql_limit *limit = item;
  (void)context;
  *limit = (struct postgresql_limit){
      .name = pg_rows_text(rows, row, NAME),
      .connection_limit = pg_rows_parse_number(rows, row, LIMIT, -1),
  };
  if (PQnfields(rows) == DATABASES) {
    limit->ends = (struct pool_session_ends){
        .abandoned = pg_rows_parse_number(rows, row, ABANDONED, -1),
        .fatal = pg_rows_parse_number(rows, row, FATAL, -1),
        .killed = pg_rows_parse_number(rows, row, KILLED, -1),
    };
  }
  return true;
}

int postgresql_stats_parse(struct postgresql_stats *stats,
                           PGresult *const *tables, size_t len,
                           struct error *error) {
  const struct {
    int columns;
    pg_rows_parse_item *parse_item;
    size_t item_bytes;
    struct pg_rows_array *array;
  } lists[] = {
      {SESSIONS, parse_session_row, sizeof(struct pool_session),
       &stats->sessions},
      {DATABASES, parse_limit_row, sizeof(struct postgresql_limit),
       &stats->databases},
      {ROLES, parse_limit_row, sizeof(struct postgresql_limit), &stats->roles},
  };
  size_t statements = 1 + sizeof(lists) / sizeof(lists[0]);
  if (len != statements) {
    return error_set(error, -EPROTO, "%zu results instead of %zu", len,
                     statements);
  }
  if (!parse_settings_row(tables[0], stats)) {
    return error_set(error, -EPROTO, "invalid answer to statement 1");
  }
  stats->untracked = 0;
  for (size_t i = 1; i < len; i++) {
    if (PQnfields(tables[i]) != lists[i - 1].columns) {
      return error_set(error, -EPROTO, "invalid answer to statement %zu",
                       i + 1);
    }
    if (pg_rows_parse_all(tables[i], lists[i - 1].array,
                          lists[i - 1].item_bytes, lists[i - 1].parse_item,
                          stats) != 0) {
      return error_set(error, -ENOMEM, "out of memory");
    }
  }
  return 0;
}

struct pool_headroom
postgresql_compute_headroom(const struct postgresql_stats *stats,
                            const struct session_groups *groups) {
  const struct postgresql_limit *databases = stats->databases.items;
  const struct postgresql_limit *roles = stats->roles.items;
  int64_t left = stats->connection_limit - (int64_t)stats->sessions.len;
  struct pool_headroom headroom = {
      .server = left > 0 ? left : 0,
      .database = POOL_HEADROOM_UNLIMITED,
      .role = POOL_HEADROOM_UNLIMITED,
  };
  for (size_t i = 0; i < stats->databases.len; i++) {
    session_groups_lower_headroom(groups, databases[i].name, NULL,
                                  databases[i].connection_limit,
                                  &headroom.database);
  }
  for (size_t i = 0; i < stats->roles.len; i++) {
    session_groups_lower_headroom(groups, NULL, roles[i].name,
                                  roles[i].connection_limit, &headroom.role);
  }
  return headroom;
}

void postgresql_stats_fini(struct postgresql_stats *stats) {
  if (stats != NULL) {
    free(stats->sessions.items);
    free(stats->databases.items);
    free(stats->roles.items);
    *stats = (struct postgresql_stats){0};
  }
}

/* ---- a server's life ---- */

struct postgresql_server {
  char name[NAME_BYTES]; /* in log lines */
  const struct dbpool_sinks *sinks;
  char settings[SETTINGS_BYTES];
  int64_t quiet_s; /* the least LeakAfter: from there on any pool may call a
                      session leaked, and its last statement is needed */
  struct pg_connection_target target;

  /* Of the read that is running. */
  struct pg_connection_result result;
  struct postgresql_stats stats;
  struct session_groups groups;
  const struct pool_session **selected; /* of one pool */

  bool has_logged_hidden;
  size_t monitors_len;
  struct pool_monitor monitors[];
};

/* A failure is logged once a server, with the name of its first pool. */
static void format_server_name(struct postgresql_server *server) {
  int used = snprintf(server->name, sizeof(server->name), "pool \"%s\"",
                      server->monitors[0].options->head.label);
  if (server->monitors_len > 1 && used > 0 && (size_t)used < NAME_BYTES) {
    (void)snprintf(server->name + used, sizeof(server->name) - (size_t)used,
                   " and %zu more on that server", server->monitors_len - 1);
  }
}

/* For libpq's keyword "options": our session can neither change anything nor
 * last. They are not SET statements, because with a pooler in between those
 * would stay in somebody else's session. */
static void format_session_settings(char *text, size_t bytes,
                                    int64_t timeout_ms) {
  (void)snprintf(text, bytes,
                 "-c search_path=pg_catalog -c default_transaction_read_only=on"
                 " -c lock_timeout=%" PRId64 " -c statement_timeout=%" PRId64,
                 timeout_ms, timeout_ms);
}

struct postgresql_server *
postgresql_server_new(const struct dbpool_pool_options *pools, size_t pools_len,
                      size_t first, const struct dbpool_sinks *sinks) {
  const struct dbpool_endpoint_options *endpoint = &pools[first].endpoint;
  struct postgresql_server *server = calloc(
      1, sizeof(*server) + (pools_len - first) * sizeof(server->monitors[0]));
  if (server == NULL) {
    return NULL;
  }
  double least_s = pools[first].leak_after_s;
  server->sinks = sinks;
  for (size_t i = first; i < pools_len; i++) {
    if (dbpool_is_same_server(endpoint, &pools[i].endpoint)) {
      pool_monitor_init(&server->monitors[server->monitors_len++], &pools[i],
                        sinks);
      least_s = fmin(least_s, pools[i].leak_after_s);
    }
  }
  server->quiet_s = (int64_t)least_s;
  format_server_name(server);
  format_session_settings(server->settings, sizeof(server->settings),
                          (int64_t)(endpoint->timeout_s * 1000));
  if (pg_connection_target_init(
          &server->target, server->name, endpoint,
          (struct pg_connection_defaults){.settings = server->settings},
          &sinks->log) != 0) {
    free(server);
    return NULL;
  }
  return server;
}

void postgresql_server_free(struct postgresql_server *server,
                            int64_t deadline_ms) {
  if (server == NULL) {
    return;
  }
  pg_connection_target_fini(&server->target, deadline_ms);
  for (size_t i = 0; i < server->monitors_len; i++) {
    pool_monitor_fini(&server->monitors[i]);
  }
  pg_connection_result_fini(&server->result);
  session_groups_fini(&server->groups);
  postgresql_stats_fini(&server->stats);
  free(server->selected);
  free(server);
}

/* ---- a read: the server's sessions ---- */

/* The selection of a pool can have as many sessions as the server. */
static int group_sessions(struct postgresql_server *server) {
  const struct postgresql_stats *stats = &server->stats;
  free(server->selected);
  server->selected =
      calloc(stats->sessions.len + 1, sizeof(struct pool_session *));
  return server->selected == NULL
             ? -ENOMEM
             : session_groups_build(&server->groups, stats->sessions.items,
                                    stats->sessions.len, stats->own_pid);
}

/* The query is written anew each time: after an upgrade or a failover a new
 * session may be on a server of another version. */
static int query_sessions(void *context, struct pg_connection *connection,
                          int64_t deadline_ms, struct error *error) {
  struct postgresql_server *server = context;
  PGconn *session = pg_connection_session(connection);
  const char *version = PQparameterStatus(session, "server_version");
  if (version != NULL && strstr(version, "/bouncer") != NULL) {
    return error_set(error, -ENOTSUP,
                     "this is the console of PgBouncer, not PostgreSQL; "
                     "write a <PgBouncer> block for it");
  }
  if (!pg_connection_is_pending(connection)) {
    pg_connection_result_fini(&server->result); /* of a read that failed */
  }
  char query[QUERY_BYTES];
  int code = postgresql_format_query(
      query, sizeof(query), PQserverVersion(session), server->quiet_s, error);
  if (code == 0) {
    code = pg_connection_query(connection, query, deadline_ms, &server->result,
                               error);
  }
  if (code == 0) {
    code = postgresql_stats_parse(&server->stats, server->result.tables,
                                  server->result.len, error);
  }
  if (code == 0 && group_sessions(server) != 0) {
    code = error_set(error, -ENOMEM, "out of memory");
  }
  return code;
}

/* ---- a read: the pools ---- */

/* NULL where the role may not see the database. */
static const struct pool_session_ends *
find_session_ends(const struct postgresql_stats *stats, const char *name) {
  const struct postgresql_limit *databases = stats->databases.items;
  for (size_t i = 0; i < stats->databases.len; i++) {
    if (strcmp(databases[i].name, name) == 0) {
      return &databases[i].ends;
    }
  }
  return NULL;
}

/* Logged for the first pool where it is found: the remedy is one for the whole
 * server. */
static void log_hidden_sessions(struct postgresql_server *server,
                                const char *pool, int64_t hidden) {
  if (hidden == 0 || server->has_logged_hidden) {
    return;
  }
  server->has_logged_hidden = true;
  PGconn *session = pg_connection_session(server->target.connection);
  const char *role = PQuser(session);
  char remedy[NAME_BYTES];
  if (server->stats.untracked > 0) {
    (void)snprintf(remedy, sizeof(remedy), "set track_activities = on");
  } else if (PQserverVersion(session) < VERSION_PG_MONITOR) {
    (void)snprintf(remedy, sizeof(remedy),
                   "before PostgreSQL 10 only a superuser sees it");
  } else {
    (void)snprintf(remedy, sizeof(remedy), "run: GRANT pg_monitor TO \"%s\"",
                   role);
  }
  log_write(&server->sinks->log, LOG_LEVEL_WARNING,
            "pool \"%s\": the state of %" PRId64
            " sessions is hidden from role \"%s\", so "
            "fewer count as checked out; %s",
            pool, hidden, role, remedy);
}

/* "NAME", "NAME", ...: the applications of other sessions on the database, or,
 * without any, the databases that have sessions. False if there is neither. */
static bool format_names_there(const struct session_groups *groups,
                               const char *database, char *text, size_t bytes) {
  const char *last = NULL;
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < groups->len && used < bytes; i++) {
    const struct session_group *group = &groups->items[i];
    const struct pool_session *any = group->sessions;
    bool is_own_only = group->len == 1 && any->pid == groups->own_pid;
    const char *name = database != NULL ? any->application : any->database;
    if (is_own_only || (last != NULL && strcmp(last, name) == 0) ||
        (database != NULL && strcmp(any->database, database) != 0)) {
      continue;
    }
    char escaped[NAME_BYTES];
    text_escape(escaped, sizeof(escaped), name);
    int length = snprintf(text + used, bytes - used, "%s\"%s\"",
                          used == 0 ? "" : ", ", escaped);
    used += length > 0 ? (size_t)length : 0;
    last = name;
  }
  return used > 0;
}

/* A name may be cut at 63 bytes, have other characters, or be changed by a
 * proxy. */
static void log_unmatched(const struct postgresql_server *server,
                          const char *pool, const char *database) {
  char names[NAMES_BYTES];
  char escaped[NAME_BYTES];
  text_escape(escaped, sizeof(escaped), database);
  if (format_names_there(&server->groups, database, names, sizeof(names))) {
    log_write(&server->sinks->log, LOG_LEVEL_WARNING,
              "pool \"%s\": no session on database \"%s\" matches Application "
              "and Role; application names there: %s; correct the <Pool>",
              pool, escaped, names);
    return;
  }
  bool has_others =
      format_names_there(&server->groups, NULL, names, sizeof(names));
  log_write(&server->sinks->log, LOG_LEVEL_WARNING,
            "pool \"%s\": no session on database \"%s\"; databases with "
            "sessions: %s; if the application runs, correct Database",
            pool, escaped, has_others ? names : "none");
}

/* Everything about one pool from the sessions that are its own. */
static void send_pool_reading(struct postgresql_server *server,
                              struct pool_monitor *monitor) {
  const struct dbpool_pool_options *options = monitor->options;
  const char *database =
      options->endpoint.database != NULL
          ? options->endpoint.database
          : PQdb(pg_connection_session(server->target.connection));
  size_t len = session_groups_select(&server->groups, database, &options->roles,
                                     &options->applications, server->selected);
  const struct pool_monitor_reading reading = {
      .now_us = server->stats.now_us,
      .sessions = server->selected,
      .sessions_len = len,
      .count = pool_count_sessions(server->selected, len, server->stats.now_us),
      .headroom = postgresql_compute_headroom(&server->stats, &server->groups),
      .ends = find_session_ends(&server->stats, database),
      .query_s = (double)server->result.took_ns / 1e9,
  };
  if (pool_monitor_should_log_unmatched(monitor, &reading)) {
    log_unmatched(server, options->head.label, database);
  }
  pool_monitor_send_reading(monitor, &reading);
  log_hidden_sessions(server, options->head.label,
                      reading.count.in_state[POOL_SESSION_HIDDEN]);
}

void postgresql_server_query_and_send(struct postgresql_server *server,
                                      double interval_s) {
  int code = pg_connection_target_query(
      &server->target, (int64_t)(interval_s * 1000), query_sessions, server);
  if (code == -EAGAIN) {
    return; /* neither up nor down */
  }
  for (size_t i = 0; i < server->monitors_len; i++) {
    if (code == 0) {
      send_pool_reading(server, &server->monitors[i]);
    } else {
      pool_monitor_send_failure(&server->monitors[i], code == -EUSERS);
    }
  }
  if (code == 0) {
    pg_connection_result_fini(&server->result);
  }
}

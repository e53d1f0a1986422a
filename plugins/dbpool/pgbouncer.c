/* SPDX-License-Identifier: MIT */
/* pgbouncer: one PgBouncer, whose console is queried at each read. */
#include "dbpool/pgbouncer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "dbpool/pg_connection.h"
#include "dbpool/poll_target.h"

#define NAME_BYTES 160
#define INSTANCE_BYTES 256
#define VERSION_WAITS_FOR_LAST 12300

const char *const pgbouncer_commands[PGBOUNCER_COMMANDS] = {
    "SHOW POOLS",
    "SHOW DATABASES",
    "SHOW STATS",
    "SHOW CONFIG",
};

/* ---- rows: databases ---- */

enum {
  DB_NAME,
  DB_SIZE,
  DB_RESERVE_OLD, /* up to 1.23 */
  DB_RESERVE,     /* since 1.24 */
  DB_LIMIT,
  DB_COLUMNS
};
static const char *const database_columns[DB_COLUMNS] = {
    "name", "pool_size", "reserve_pool", "reserve_pool_size",
    "max_connections"};

static int compare_database_names(const void *a, const void *b) {
  const struct pgbouncer_database *left = a;
  const struct pgbouncer_database *right = b;
  return strcmp(left->name, right->name);
}

static struct pgbouncer_database *
find_database(const struct pgbouncer_stats *stats, const char *name) {
  const struct pgbouncer_database key = {.name = name};
  return stats->databases.len == 0
             ? NULL
             : bsearch(&key, stats->databases.items, stats->databases.len,
                       sizeof(key), compare_database_names);
}

static bool read_database_row(const struct pg_rows *rows, void *item,
                              void *context) {
  (void)context;
  *(struct pgbouncer_database *)item = (struct pgbouncer_database){
      .name = pg_rows_text(rows, DB_NAME),
      .size = pg_rows_count(rows, DB_SIZE),
      .reserve =
          pg_rows_number(rows, DB_RESERVE, pg_rows_count(rows, DB_RESERVE_OLD)),
      .limit = pg_rows_count(rows, DB_LIMIT),
      .wait_us = -1,
  };
  return true;
}

static int read_databases(PGresult *table, struct pgbouncer_stats *stats) {
  struct pg_rows rows = {.result = table};
  pg_rows_find_columns(&rows, database_columns, DB_COLUMNS);
  if (rows.columns[DB_NAME] < 0 || rows.columns[DB_SIZE] < 0) {
    return -EPROTO;
  }
  int code = pg_rows_read_all(&rows, &stats->databases,
                              sizeof(struct pgbouncer_database),
                              read_database_row, NULL);
  if (code == 0) {
    qsort(stats->databases.items, stats->databases.len,
          sizeof(struct pgbouncer_database), compare_database_names);
  }
  return code;
}

/* ---- rows: pools ---- */

enum {
  DATABASE,
  USER,
  CL_ACTIVE,
  CL_WAITING,
  SV_ACTIVE,
  SV_IDLE,
  SV_USED,
  SV_TESTED,
  SV_LOGIN,
  SV_ACTIVE_CANCEL,
  SV_BEING_CANCELED,
  MAXWAIT,
  MAXWAIT_US,
  POOL_COLUMNS
};
static const char *const pool_columns[POOL_COLUMNS] = {
    "database",          "user",
    "cl_active",         "cl_waiting",
    "sv_active",         "sv_idle",
    "sv_used",           "sv_tested",
    "sv_login",          "sv_active_cancel",
    "sv_being_canceled", "maxwait",
    "maxwait_us"};

static int64_t sum_columns(const struct pg_rows *rows, int from, int to) {
  int64_t total = 0;
  for (int i = from; i <= to; i++) {
    total += pg_rows_count(rows, i);
  }
  return total;
}

/* pool_size 0 means "no limit" since 1.24. */
static void set_pool_limits(struct pgbouncer_pool *pool,
                            const struct pgbouncer_database *database) {
  if (database == NULL) { /* removed between two commands */
    return;
  }
  if (database->size > 0) {
    pool->size = database->size;
    pool->capacity = database->size + database->reserve;
  }
  if (database->limit > 0 &&
      (pool->capacity < 0 || pool->capacity > database->limit)) {
    pool->capacity = database->limit;
  }
}

static bool read_pool_row(const struct pg_rows *rows, void *item,
                          void *context) {
  struct pgbouncer_stats *stats = context;
  struct pgbouncer_pool pool = {
      .database = pg_rows_text(rows, DATABASE),
      .user = pg_rows_text(rows, USER),
      .active = pg_rows_count(rows, SV_ACTIVE),
      .idle = sum_columns(rows, SV_IDLE, SV_TESTED),
      .total = sum_columns(rows, SV_ACTIVE, SV_BEING_CANCELED),
      .waiting = pg_rows_count(rows, CL_WAITING),
      .clients = sum_columns(rows, CL_ACTIVE, CL_WAITING),
      .oldest_wait_us = pg_rows_count(rows, MAXWAIT) * 1000000 +
                        pg_rows_count(rows, MAXWAIT_US),
      .size = -1,
      .capacity = -1,
  };
  stats->clients += pool.clients;
  if (strcmp(pool.database, "pgbouncer") == 0) {
    return false; /* the console */
  }
  set_pool_limits(&pool, find_database(stats, pool.database));
  *(struct pgbouncer_pool *)item = pool;
  return true;
}

static int read_pools(PGresult *table, struct pgbouncer_stats *stats) {
  struct pg_rows rows = {.result = table};
  pg_rows_find_columns(&rows, pool_columns, POOL_COLUMNS);
  if (rows.columns[DATABASE] < 0 || rows.columns[USER] < 0 ||
      rows.columns[SV_ACTIVE] < 0 || rows.columns[CL_WAITING] < 0) {
    return -EPROTO;
  }
  stats->clients = 0;
  return pg_rows_read_all(&rows, &stats->pools, sizeof(struct pgbouncer_pool),
                          read_pool_row, stats);
}

/* ---- rows: statistics and settings ---- */

enum { KEY, VALUE, PAIR_COLUMNS };

static int read_wait_times(PGresult *table, struct pgbouncer_stats *stats) {
  static const char *const names[] = {"database", "total_wait_time"};
  struct pg_rows rows = {.result = table};
  pg_rows_find_columns(&rows, names, PAIR_COLUMNS);
  for (; rows.row < PQntuples(table); rows.row++) {
    struct pgbouncer_database *database =
        find_database(stats, pg_rows_text(&rows, KEY));
    if (database != NULL) {
      database->wait_us = pg_rows_number(&rows, VALUE, -1);
    }
  }
  return 0;
}

static int read_client_limit(PGresult *table, struct pgbouncer_stats *stats) {
  static const char *const names[] = {"key", "value"};
  struct pg_rows rows = {.result = table};
  pg_rows_find_columns(&rows, names, PAIR_COLUMNS);
  stats->clients_limit = -1;
  for (; rows.row < PQntuples(table); rows.row++) {
    if (strcmp(pg_rows_text(&rows, KEY), "max_client_conn") == 0) {
      stats->clients_limit = pg_rows_number(&rows, VALUE, -1);
    }
  }
  return 0;
}

int pgbouncer_stats_read(struct pgbouncer_stats *stats, PGresult *const *tables,
                         struct error *error) {
  /* Databases first: the others refer to them. */
  static const struct {
    enum pgbouncer_command command;
    int (*read_table)(PGresult *table, struct pgbouncer_stats *stats);
  } steps[] = {
      {PGBOUNCER_DATABASES, read_databases},
      {PGBOUNCER_POOLS, read_pools},
      {PGBOUNCER_STATS, read_wait_times},
      {PGBOUNCER_CONFIG, read_client_limit},
  };
  for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
    int code = steps[i].read_table(tables[steps[i].command], stats);
    if (code == -ENOMEM) {
      return error_set(error, code, "out of memory");
    }
    if (code != 0) {
      return error_set(error, code, "%s lacks columns that every PgBouncer has",
                       pgbouncer_commands[steps[i].command]);
    }
  }
  return 0;
}

void pgbouncer_stats_fini(struct pgbouncer_stats *stats) {
  if (stats != NULL) {
    free(stats->pools.items);
    free(stats->databases.items);
    *stats = (struct pgbouncer_stats){0};
  }
}

/* ---- a PgBouncer's life ---- */

/* How long the clients of a database had waited at the last read. */
struct database_wait {
  char *database;
  int64_t us;
};

struct pgbouncer_server {
  char name[NAME_BYTES]; /* in log lines */
  const char *label;
  const struct dbpool_sinks *sinks;
  struct poll_target target;
  struct pg_connection_result results[PGBOUNCER_COMMANDS]; /* so far */
  size_t results_len;
  struct pgbouncer_stats stats;

  int64_t waits_ns;            /* when they were read */
  struct database_wait *waits; /* by name */
  size_t waits_len;
};

struct pgbouncer_server *
pgbouncer_server_new(const struct dbpool_pgbouncer_options *options,
                     const struct dbpool_sinks *sinks) {
  struct pgbouncer_server *server = calloc(1, sizeof(*server));
  if (server == NULL) {
    return NULL;
  }
  server->label = options->head.label;
  server->sinks = sinks;
  (void)snprintf(server->name, sizeof(server->name), "PgBouncer \"%s\"",
                 options->head.label);
  server->target = (struct poll_target){
      .name = server->name,
      .connection =
          pg_connection_new(&options->endpoint,
                            (struct pg_connection_defaults){
                                .port = "6432", .database = "pgbouncer"}),
      .timeout_ms = (int64_t)(options->endpoint.timeout_s * 1000),
      .log = &sinks->log,
  };
  if (server->target.connection == NULL) {
    free(server);
    return NULL;
  }
  return server;
}

static void free_waits(struct pgbouncer_server *server) {
  for (size_t i = 0; i < server->waits_len; i++) {
    free(server->waits[i].database);
  }
  free(server->waits);
  server->waits = NULL;
  server->waits_len = 0;
}

static void drop_results(struct pgbouncer_server *server) {
  while (server->results_len > 0) {
    pg_connection_result_fini(&server->results[--server->results_len]);
  }
}

void pgbouncer_server_free(struct pgbouncer_server *server,
                           int64_t deadline_ms) {
  if (server == NULL) {
    return;
  }
  poll_target_fini(&server->target, deadline_ms);
  drop_results(server);
  free_waits(server);
  pgbouncer_stats_fini(&server->stats);
  free(server);
}

/* ---- a read: the console ---- */

static int run_commands(struct pgbouncer_server *server,
                        struct pg_connection *connection, int64_t deadline_ms,
                        struct error *error) {
  while (server->results_len < PGBOUNCER_COMMANDS) {
    const char *command = pgbouncer_commands[server->results_len];
    struct pg_connection_result *result = &server->results[server->results_len];
    int code =
        pg_connection_query(connection, command, deadline_ms, result, error);
    if (code != 0) {
      return code;
    }
    server->results_len++;
    if (result->len != 1) {
      return error_set(error, -EPROTO, "%s was answered without rows", command);
    }
  }
  return 0;
}

static int query_console(void *context, struct pg_connection *connection,
                         int64_t deadline_ms, struct error *error) {
  struct pgbouncer_server *server = context;
  const char *version =
      PQparameterStatus(pg_connection_session(connection), "server_version");
  if (version == NULL || strstr(version, "/bouncer") == NULL) {
    return error_set(error, -ENOTSUP,
                     "this is not the console of a PgBouncer; omit Database, "
                     "or write a <Pool> block for PostgreSQL");
  }
  if (!pg_connection_is_pending(connection)) {
    drop_results(server); /* of a session that ended half way */
  }
  int code = run_commands(server, connection, deadline_ms, error);
  if (code != 0) {
    return code;
  }
  PGresult *tables[PGBOUNCER_COMMANDS];
  for (size_t i = 0; i < PGBOUNCER_COMMANDS; i++) {
    tables[i] = server->results[i].tables[0];
  }
  return pgbouncer_stats_read(&server->stats, tables, error);
}

/* Since 1.23 a PgBouncer that gets SIGTERM waits until its last client has
 * left; that must not be our session. */
static void close_if_last_client(struct pgbouncer_server *server) {
  struct pg_connection *connection = server->target.connection;
  if (server->stats.clients <= 1 &&
      PQserverVersion(pg_connection_session(connection)) >=
          VERSION_WAITS_FOR_LAST) {
    pg_connection_close(connection);
  }
}

/* ---- a read: values ---- */

static void send_value(const struct pgbouncer_server *server,
                       const char *instance, const char *type,
                       const char *type_instance, double value) {
  sample_put_gauge(&server->sinks->samples, instance, type, type_instance,
                   value);
}

/* NaN without a limit. */
static double percent_of(int64_t used, int64_t capacity) {
  return capacity <= 0 ? (double)NAN
                       : fmin(100, 100.0 * (double)used / (double)capacity);
}

static int64_t count_ready(const struct pgbouncer_pool *pool) {
  if (pool->size < 0) {
    return -1;
  }
  return pool->size > pool->active ? pool->size - pool->active : 0;
}

static void send_pool(const struct pgbouncer_server *server,
                      const struct pgbouncer_pool *pool) {
  char instance[INSTANCE_BYTES];
  (void)snprintf(instance, sizeof(instance), "%s-%s-%s", server->label,
                 pool->database, pool->user);
  const struct {
    const char *name;
    int64_t value; /* negative: none */
  } counts[] = {
      {"active", pool->active},   {"checked_out", pool->active},
      {"idle", pool->idle},       {"ready", count_ready(pool)},
      {"waiting", pool->waiting}, {"clients", pool->clients},
      {"total", pool->total},     {"capacity", pool->capacity},
  };
  for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
    if (counts[i].value >= 0) {
      send_value(server, instance, "current_connections", counts[i].name,
                 (double)counts[i].value);
    }
  }
  send_value(server, instance, "percent", "used",
             percent_of(pool->active, pool->capacity));
  send_value(server, instance, "duration", "oldest_wait",
             (double)pool->oldest_wait_us / 1e6);
}

/* The PgBouncer itself is a pool of client connections. */
static void send_clients(const struct pgbouncer_server *server) {
  const struct pgbouncer_stats *stats = &server->stats;
  int64_t took_ns = 0;
  for (size_t i = 0; i < server->results_len; i++) {
    took_ns += server->results[i].took_ns;
  }
  send_value(server, server->label, "duration", "query", (double)took_ns / 1e9);
  send_value(server, server->label, "current_connections", "clients",
             (double)stats->clients);
  if (stats->clients_limit >= 0) {
    send_value(server, server->label, "current_connections", "capacity",
               (double)stats->clients_limit);
    send_value(server, server->label, "percent", "used",
               percent_of(stats->clients, stats->clients_limit));
  }
}

/* ---- a read: how many clients wait on average ---- */

static int compare_wait_name(const void *name, const void *item) {
  const struct database_wait *wait = item;
  return strcmp(name, wait->database);
}

/* -1 if the database was not there, or its total has started again at 0 after a
 * restart. */
static int64_t waited_since_last_us(const struct pgbouncer_server *server,
                                    const struct pgbouncer_database *database) {
  const struct database_wait *before =
      server->waits_len == 0
          ? NULL
          : bsearch(database->name, server->waits, server->waits_len,
                    sizeof(*server->waits), compare_wait_name);
  return before == NULL || database->wait_us < before->us
             ? -1
             : database->wait_us - before->us;
}

/* Clients that wait for t seconds in an interval of T seconds are t/T clients
 * that wait all the time. */
static void send_waits(const struct pgbouncer_server *server, int64_t now_ns) {
  const struct pgbouncer_database *databases = server->stats.databases.items;
  double elapsed_us = (double)(now_ns - server->waits_ns) / 1e3;
  for (size_t i = 0; i < server->stats.databases.len; i++) {
    int64_t waited_us = waited_since_last_us(server, &databases[i]);
    if (waited_us >= 0) {
      char instance[INSTANCE_BYTES];
      (void)snprintf(instance, sizeof(instance), "%s-%s", server->label,
                     databases[i].name);
      send_value(server, instance, "gauge", "waiting_average",
                 (double)waited_us / elapsed_us);
    }
  }
}

static void remember_waits(struct pgbouncer_server *server, int64_t now_ns) {
  const struct pgbouncer_database *databases = server->stats.databases.items;
  size_t len = server->stats.databases.len;
  free_waits(server);
  server->waits_ns = now_ns;
  server->waits = calloc(len + 1, sizeof(*server->waits));
  for (size_t i = 0; server->waits != NULL && i < len; i++) {
    char *name = databases[i].wait_us >= 0 ? strdup(databases[i].name) : NULL;
    if (name != NULL) {
      server->waits[server->waits_len++] =
          (struct database_wait){name, databases[i].wait_us};
    }
  }
}

void pgbouncer_server_read(struct pgbouncer_server *server, double interval_s) {
  int code = poll_target_read(&server->target, (int64_t)(interval_s * 1000),
                              query_console, server);
  if (code == -EAGAIN) {
    return; /* neither up nor down */
  }
  send_value(server, server->label, "gauge", "up", code == 0 ? 1 : 0);
  send_value(server, server->label, "gauge", "full", code == -EUSERS ? 1 : 0);
  if (code == 0) {
    const struct pgbouncer_pool *pools = server->stats.pools.items;
    int64_t now_ns = clock_monotonic_ns();
    send_clients(server);
    for (size_t i = 0; i < server->stats.pools.len; i++) {
      send_pool(server, &pools[i]);
    }
    send_waits(server, now_ns);
    remember_waits(server, now_ns);
    close_if_last_client(server);
  }
  drop_results(server);
}

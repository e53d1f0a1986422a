/* SPDX-License-Identifier: MIT */
/* pgbouncer: one PgBouncer, whose console is queried at each read. */
#include "dbpool/pgbouncer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/text.h"
#include "dbpool/pg_connection.h"

#define NAME_BYTES 160
#define INSTANCE_BYTES 256
#define VERSION_WAITS_FOR_LAST 12300
#define COUNT_MAX 1000000000 /* seconds of that size fit in microseconds */

/* ---- the rows ---- */

/* A count from 0 to COUNT_MAX; 0 for anything else. Columns are found by name,
 * because releases add, remove and reorder them. */
static int64_t parse_column_count(const PGresult *rows, int row,
                                  const char *column) {
  int64_t count = pg_rows_parse_number(rows, row, PQfnumber(rows, column), 0);
  return count >= 0 && count <= COUNT_MAX ? count : 0;
}

static const char *get_column_text(const PGresult *rows, int row,
                                   const char *column) {
  return pg_rows_text(rows, row, PQfnumber(rows, column));
}

static int compare_database_names(const void *a, const void *b) {
  const struct pgbouncer_database *left = a;
  const struct pgbouncer_database *right = b;
  return strcmp(left->name, right->name);
}

/* NULL for a database that was removed between two commands or two reads. The
 * databases are sorted, because some PgBouncers serve thousands of them. */
static struct pgbouncer_database *
find_database(const struct pgbouncer_stats *stats, const char *name) {
  const struct pgbouncer_database key = {.name = name};
  return stats->databases.len == 0
             ? NULL
             : bsearch(&key, stats->databases.items, stats->databases.len,
                       sizeof(key), compare_database_names);
}

/* pool_size 0 means "no limit" since 1.24, max_connections 0 always. */
static bool parse_database_row(const PGresult *rows, int row, void *item,
                               void *context) {
  int64_t size = parse_column_count(rows, row, "pool_size");
  int64_t limit = parse_column_count(rows, row, "max_connections");
  int64_t reserve =
      parse_column_count(rows, row, "reserve_pool") + /* up to 1.23 */
      parse_column_count(rows, row, "reserve_pool_size");
  int64_t capacity = size > 0 ? size + reserve : -1;
  (void)context;
  *(struct pgbouncer_database *)item = (struct pgbouncer_database){
      .name = get_column_text(rows, row, "name"),
      .size = size > 0 ? size : -1,
      .capacity =
          limit > 0 && (capacity < 0 || capacity > limit) ? limit : capacity,
      .limit = limit > 0 ? limit : -1,
      .wait_us = -1,
  };
  return true;
}

/* Sorted by name, for find_database(). */
static int parse_databases(const PGresult *rows,
                           struct pgbouncer_stats *stats) {
  int code = pg_rows_parse_all(rows, &stats->databases,
                               sizeof(struct pgbouncer_database),
                               parse_database_row, NULL);
  if (code == 0) {
    qsort(stats->databases.items, stats->databases.len,
          sizeof(struct pgbouncer_database), compare_database_names);
  }
  return code;
}

/* The limits stay unknown for a database that was removed between the two
 * commands. sv_used and sv_tested are idle connections that PgBouncer checks
 * before it links them again. */
static bool parse_pool_row(const PGresult *rows, int row, void *item,
                           void *context) {
  struct pgbouncer_stats *stats = context;
  struct pgbouncer_pool *pool = item;
  struct pgbouncer_database *database =
      find_database(stats, get_column_text(rows, row, "database"));
  *pool = (struct pgbouncer_pool){
      .database = get_column_text(rows, row, "database"),
      .user = get_column_text(rows, row, "user"),
      .active = parse_column_count(rows, row, "sv_active"),
      .idle = parse_column_count(rows, row, "sv_idle") +
              parse_column_count(rows, row, "sv_used") +
              parse_column_count(rows, row, "sv_tested"),
      .waiting = parse_column_count(rows, row, "cl_waiting"),
      .oldest_wait_us = parse_column_count(rows, row, "maxwait") * 1000000 +
                        parse_column_count(rows, row, "maxwait_us"),
      .size = database == NULL ? -1 : database->size,
      .capacity = database == NULL ? -1 : database->capacity,
  };
  pool->total = pool->active + pool->idle +
                parse_column_count(rows, row, "sv_login") +
                parse_column_count(rows, row, "sv_active_cancel") +
                parse_column_count(rows, row, "sv_being_canceled");
  pool->clients = pool->waiting + parse_column_count(rows, row, "cl_active");
  stats->clients += pool->clients;
  if (database != NULL) {
    database->active += pool->active;
  }
  return strcmp(pool->database, "pgbouncer") != 0; /* the console */
}

/* Counts the clients of all pools on the way. */
static int parse_pools(const PGresult *rows, struct pgbouncer_stats *stats) {
  stats->clients = 0;
  return pg_rows_parse_all(rows, &stats->pools, sizeof(struct pgbouncer_pool),
                           parse_pool_row, stats);
}

/* The statistics are those of a database, over all of its pools. */
static int parse_database_wait_times(const PGresult *rows,
                                     struct pgbouncer_stats *stats) {
  int column = PQfnumber(rows, "total_wait_time");
  for (int row = 0; row < PQntuples(rows); row++) {
    struct pgbouncer_database *database =
        find_database(stats, get_column_text(rows, row, "database"));
    if (database != NULL) {
      database->wait_us = pg_rows_parse_number(rows, row, column, -1);
    }
  }
  return 0;
}

/* SHOW CONFIG has a row a setting. */
static int parse_limits(const PGresult *rows, struct pgbouncer_stats *stats) {
  int column = PQfnumber(rows, "value");
  stats->clients_limit = -1;
  stats->user_limit = -1;
  for (int row = 0; row < PQntuples(rows); row++) {
    const char *key = get_column_text(rows, row, "key");
    int64_t value = pg_rows_parse_number(rows, row, column, -1);
    if (strcmp(key, "max_client_conn") == 0) {
      stats->clients_limit = value;
    } else if (strcmp(key, "max_user_connections") == 0 && value > 0) {
      stats->user_limit = value;
    }
  }
  return 0;
}

/* ---- users, and the limit that is nearest ---- */

static int compare_user_names(const void *a, const void *b) {
  const struct pgbouncer_user *left = a;
  const struct pgbouncer_user *right = b;
  return strcmp(left->name, right->name);
}

/* NULL for a user that is not listed. */
static struct pgbouncer_user *find_user(const struct pgbouncer_stats *stats,
                                        const char *name) {
  const struct pgbouncer_user key = {.name = name};
  return stats->users.len == 0
             ? NULL
             : bsearch(&key, stats->users.items, stats->users.len, sizeof(key),
                       compare_user_names);
}

/* A user's own limit is listed since 1.23; 0 is none. */
static bool parse_user_row(const PGresult *rows, int row, void *item,
                           void *context) {
  const struct pgbouncer_stats *stats = context;
  int64_t own = pg_rows_parse_number(
      rows, row, PQfnumber(rows, "max_user_connections"), -1);
  *(struct pgbouncer_user *)item = (struct pgbouncer_user){
      .name = get_column_text(rows, row, "name"),
      .limit = own > 0 ? own : stats->user_limit,
  };
  return true;
}

/* NaN without a limit. */
static double compute_used_percent(int64_t used, int64_t capacity) {
  return capacity <= 0 ? (double)NAN
                       : fmin(100, 100.0 * (double)used / (double)capacity);
}

static int64_t find_lesser_limit(int64_t a, int64_t b) {
  return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* A limit of a database or a user counts the connections of all its pools. */
static void apply_limits(const struct pgbouncer_stats *stats,
                         struct pgbouncer_pool *pool) {
  const struct pgbouncer_database *database =
      find_database(stats, pool->database);
  const struct pgbouncer_user *user = find_user(stats, pool->user);
  int64_t user_limit = user != NULL ? user->limit : stats->user_limit;
  int64_t user_active = user != NULL ? user->active : pool->active;
  double of_database = database == NULL ? (double)NAN
                                        : compute_used_percent(database->active,
                                                               database->limit);
  pool->capacity = find_lesser_limit(pool->capacity, user_limit);
  pool->size = find_lesser_limit(pool->size, user_limit);
  pool->used_percent = /* fmax() takes the other where one is NaN */
      fmax(compute_used_percent(pool->active, pool->capacity),
           fmax(of_database, compute_used_percent(user_active, user_limit)));
}

static int parse_users_and_apply_limits(const PGresult *rows,
                                        struct pgbouncer_stats *stats) {
  int code =
      pg_rows_parse_all(rows, &stats->users, sizeof(struct pgbouncer_user),
                        parse_user_row, stats);
  if (code != 0) {
    return code;
  }
  if (stats->users.len > 0) {
    qsort(stats->users.items, stats->users.len, sizeof(struct pgbouncer_user),
          compare_user_names);
  }
  struct pgbouncer_pool *pools = stats->pools.items;
  for (size_t i = 0; i < stats->pools.len; i++) {
    struct pgbouncer_user *user = find_user(stats, pools[i].user);
    if (user != NULL) {
      user->active += pools[i].active;
    }
  }
  for (size_t i = 0; i < stats->pools.len; i++) {
    apply_limits(stats, &pools[i]);
  }
  return 0;
}

/* In the order of enum pgbouncer_command. */
static const struct {
  const char *sql; /* the console accepts one a query */
  int (*parse_table)(const PGresult *rows, struct pgbouncer_stats *stats);
  const char *needed[5]; /* columns; NULL after the last one */
} commands[PGBOUNCER_COMMANDS] = {
    {"SHOW DATABASES", parse_databases, {"name", "pool_size"}},
    {"SHOW POOLS",
     parse_pools,
     {"database", "user", "sv_active", "cl_waiting"}},
    {"SHOW STATS", parse_database_wait_times, {NULL}},
    {"SHOW CONFIG", parse_limits, {NULL}},
    {"SHOW USERS", parse_users_and_apply_limits, {"name"}},
};

int pgbouncer_stats_parse(struct pgbouncer_stats *stats,
                          PGresult *const *tables, struct error *error) {
  for (size_t i = 0; i < PGBOUNCER_COMMANDS; i++) {
    for (const char *const *name = commands[i].needed; *name != NULL; name++) {
      if (PQfnumber(tables[i], *name) < 0) {
        return error_set(error, -EPROTO, "%s has no column %s", commands[i].sql,
                         *name);
      }
    }
    if (commands[i].parse_table(tables[i], stats) != 0) {
      return error_set(error, -ENOMEM, "out of memory");
    }
  }
  return 0;
}

void pgbouncer_stats_fini(struct pgbouncer_stats *stats) {
  if (stats != NULL) {
    free(stats->pools.items);
    free(stats->databases.items);
    free(stats->users.items);
    *stats = (struct pgbouncer_stats){0};
  }
}

/* ---- a PgBouncer's life ---- */

/* One read of the console. The strings of the stats are in the result. */
struct console_read {
  struct pg_connection_result result; /* a table a command */
  struct pgbouncer_stats stats;
  int64_t time_ns; /* when it was complete */
};

struct pgbouncer_server {
  char name[NAME_BYTES]; /* in log lines */
  const char *label;
  const struct dbpool_sinks *sinks;
  struct pg_connection_target target;
  struct console_read current;
  struct console_read previous; /* the last one that was complete */
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
  if (pg_connection_target_init(&server->target, server->name,
                                &options->endpoint,
                                (struct pg_connection_defaults){
                                    .port = "6432", .database = "pgbouncer"},
                                &sinks->log) != 0) {
    free(server);
    return NULL;
  }
  return server;
}

static void clear_console_read(struct console_read *read) {
  pg_connection_result_fini(&read->result);
  pgbouncer_stats_fini(&read->stats);
  *read = (struct console_read){0};
}

void pgbouncer_server_free(struct pgbouncer_server *server,
                           int64_t deadline_ms) {
  if (server == NULL) {
    return;
  }
  pg_connection_target_fini(&server->target, deadline_ms);
  clear_console_read(&server->current);
  clear_console_read(&server->previous);
  free(server);
}

/* ---- a read: the console ---- */

/* The console reports its version as "1.18.0/bouncer". */
static int query_console(void *context, struct pg_connection *connection,
                         int64_t deadline_ms, struct error *error) {
  struct console_read *read = context;
  const char *version =
      PQparameterStatus(pg_connection_session(connection), "server_version");
  if (version == NULL || strstr(version, "/bouncer") == NULL) {
    return error_set(error, -ENOTSUP,
                     "this is not the console of a PgBouncer; omit Database, "
                     "or write a <Pool> block for PostgreSQL");
  }
  if (!pg_connection_is_pending(connection)) {
    clear_console_read(read); /* of a session that ended half way */
  }
  /* Continues where an earlier read was interrupted. */
  for (size_t i = read->result.len; i < PGBOUNCER_COMMANDS; i++) {
    int code = pg_connection_query(connection, commands[i].sql, deadline_ms,
                                   &read->result, error);
    if (code != 0) {
      return code;
    }
    if (read->result.len != i + 1) {
      return error_set(error, -EPROTO, "%s returned no rows", commands[i].sql);
    }
  }
  read->time_ns = clock_monotonic_ns();
  return pgbouncer_stats_parse(&read->stats, read->result.tables, error);
}

/* Since 1.23 a PgBouncer that gets SIGTERM waits until its last client has
 * left; that must not be our session. */
static void close_if_last_client(struct pgbouncer_server *server) {
  struct pg_connection *connection = server->target.connection;
  if (server->current.stats.clients <= 1 &&
      PQserverVersion(pg_connection_session(connection)) >=
          VERSION_WAITS_FOR_LAST) {
    pg_connection_close(connection);
  }
}

/* ---- a read: values ---- */

/* Server connections that clients can get without the reserve; -1: no limit. */
static int64_t count_ready_connections(const struct pgbouncer_pool *pool) {
  if (pool->size < 0) {
    return -1;
  }
  return pool->size > pool->active ? pool->size - pool->active : 0;
}

/* How many more clients the PgBouncer accepts; -1: no limit, or not known. */
static int64_t count_client_headroom(const struct pgbouncer_stats *stats) {
  if (stats->clients_limit < 0) {
    return -1;
  }
  return stats->clients_limit > stats->clients
             ? stats->clients_limit - stats->clients
             : 0;
}

/* A server connection is checked out while it is linked to a client. */
static void send_pool(const struct pgbouncer_server *server,
                      const struct pgbouncer_pool *pool) {
  static const char connections[] = "current_connections";
  const struct dbpool_value values[] = {
      {connections, "active", dbpool_count_to_value(pool->active)},
      {connections, "checked_out", dbpool_count_to_value(pool->active)},
      {connections, "idle", dbpool_count_to_value(pool->idle)},
      {connections, "ready",
       dbpool_count_to_value(count_ready_connections(pool))},
      {connections, "waiting", dbpool_count_to_value(pool->waiting)},
      {connections, "clients", dbpool_count_to_value(pool->clients)},
      {connections, "headroom",
       dbpool_count_to_value(count_client_headroom(&server->current.stats))},
      {connections, "total", dbpool_count_to_value(pool->total)},
      {connections, "capacity", dbpool_count_to_value(pool->capacity)},
      {"percent", "used", pool->used_percent},
      {"duration", "oldest_wait", (double)pool->oldest_wait_us / 1e6},
  };
  char instance[INSTANCE_BYTES];
  (void)snprintf(instance, sizeof(instance), "%s-%s-%s", server->label,
                 pool->database, pool->user);
  if (strchr(pool->user, '-') != NULL) { /* "a-b" and "c", or "a" and "b-c" */
    text_append_hash(instance, sizeof(instance), pool->user);
  }
  dbpool_send_values(server->sinks, instance, values,
                     sizeof(values) / sizeof(values[0]));
}

/* The PgBouncer itself is a pool of client connections. */
static void send_clients(const struct pgbouncer_server *server) {
  const struct pgbouncer_stats *stats = &server->current.stats;
  bool has_limit = stats->clients_limit >= 0;
  const struct dbpool_value values[] = {
      {"duration", "query", (double)server->current.result.took_ns / 1e9},
      {"current_connections", "clients", dbpool_count_to_value(stats->clients)},
      {"current_connections", "capacity",
       dbpool_count_to_value(stats->clients_limit)},
      {"percent", "used",
       has_limit ? compute_used_percent(stats->clients, stats->clients_limit)
                 : HUGE_VAL},
  };
  dbpool_send_values(server->sinks, server->label, values,
                     sizeof(values) / sizeof(values[0]));
}

/* How many clients waited on average since the previous read: clients that wait
 * for t seconds in an interval of T seconds are t/T clients that wait all the
 * time. None for a database that is new, or whose total has started again at 0
 * after a restart. */
static void send_average_waiting(const struct pgbouncer_server *server) {
  const struct pg_rows_array *databases = &server->current.stats.databases;
  double elapsed_us =
      (double)(server->current.time_ns - server->previous.time_ns) / 1e3;
  for (size_t i = 0; i < databases->len; i++) {
    const struct pgbouncer_database *now =
        (const struct pgbouncer_database *)databases->items + i;
    const struct pgbouncer_database *before =
        find_database(&server->previous.stats, now->name);
    if (before != NULL && before->wait_us >= 0 &&
        now->wait_us >= before->wait_us) {
      char instance[INSTANCE_BYTES];
      (void)snprintf(instance, sizeof(instance), "%s-%s", server->label,
                     now->name);
      sample_put_gauge(&server->sinks->samples, instance, "gauge",
                       "waiting_average",
                       (double)(now->wait_us - before->wait_us) / elapsed_us);
    }
  }
}

void pgbouncer_server_query_and_send(struct pgbouncer_server *server,
                                     double interval_s) {
  int code =
      pg_connection_target_query(&server->target, (int64_t)(interval_s * 1000),
                                 query_console, &server->current);
  if (code == -EAGAIN) {
    return; /* neither up nor down */
  }
  const struct dbpool_value state[] = {
      {"gauge", "up", code == 0 ? 1 : 0},
      {"gauge", "full", code == -EUSERS ? 1 : 0},
  };
  dbpool_send_values(server->sinks, server->label, state,
                     sizeof(state) / sizeof(state[0]));
  if (code == 0) {
    const struct pgbouncer_pool *pools = server->current.stats.pools.items;
    send_clients(server);
    for (size_t i = 0; i < server->current.stats.pools.len; i++) {
      send_pool(server, &pools[i]);
    }
    send_average_waiting(server);
    close_if_last_client(server);
    clear_console_read(&server->previous);
    server->previous = server->current;
    server->current = (struct console_read){0};
  }
}

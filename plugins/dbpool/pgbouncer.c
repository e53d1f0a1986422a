/* SPDX-License-Identifier: MIT */
/* pgbouncer: what PgBouncer's console says of its pools. */
#include "dbpool/pgbouncer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dbpool/rows.h"

const char *const pgbouncer_commands[PGBOUNCER_COMMANDS] = {
    "SHOW POOLS",
    "SHOW DATABASES",
    "SHOW STATS",
    "SHOW CONFIG",
};

/* ---- databases ---- */

enum {
  DB_NAME,
  DB_SIZE,
  DB_RESERVE_OLD, /* up to 1.23 */
  DB_RESERVE,     /* from 1.24 on */
  DB_LIMIT,
  DB_COLUMNS
};
static const char *const database_columns[DB_COLUMNS] = {
    "name", "pool_size", "reserve_pool", "reserve_pool_size",
    "max_connections"};

static int compare_names(const void *a, const void *b) {
  const struct pgbouncer_database *left = a;
  const struct pgbouncer_database *right = b;
  return strcmp(left->name, right->name);
}

static struct pgbouncer_database *find_database(struct pgbouncer_view *view,
                                                const char *name) {
  const struct pgbouncer_database key = {.name = name};
  return view->databases_len == 0
             ? NULL
             : bsearch(&key, view->databases, view->databases_len, sizeof(key),
                       compare_names);
}

static int parse_databases(const PGresult *rows, struct pgbouncer_view *view) {
  int columns[DB_COLUMNS];
  int len = PQntuples(rows);
  rows_find_columns(rows, database_columns, DB_COLUMNS, columns);
  if (columns[DB_NAME] < 0 || columns[DB_SIZE] < 0) {
    return -EPROTO;
  }
  struct pgbouncer_database *larger = rows_reserve(
      view->databases, &view->databases_size, (size_t)len, sizeof(*larger));
  if (larger == NULL) {
    return -ENOMEM;
  }
  view->databases = larger;
  view->databases_len = (size_t)len;
  for (int row = 0; row < len; row++) {
    int64_t old = rows_count(rows, row, columns[DB_RESERVE_OLD]);
    larger[row] = (struct pgbouncer_database){
        .name = rows_text(rows, row, columns[DB_NAME]),
        .size = rows_count(rows, row, columns[DB_SIZE]),
        .reserve = rows_number(rows, row, columns[DB_RESERVE], old),
        .limit = rows_count(rows, row, columns[DB_LIMIT]),
        .wait_us = -1,
    };
  }
  qsort(larger, view->databases_len, sizeof(*larger), compare_names);
  return 0;
}

/* ---- pools ---- */

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
  COLUMNS
};
static const char *const pool_columns[COLUMNS] = {
    "database",          "user",
    "cl_active",         "cl_waiting",
    "sv_active",         "sv_idle",
    "sv_used",           "sv_tested",
    "sv_login",          "sv_active_cancel",
    "sv_being_canceled", "maxwait",
    "maxwait_us"};

static int64_t sum(const PGresult *rows, int row, const int *columns, int from,
                   int to) {
  int64_t total = 0;
  for (int i = from; i <= to; i++) {
    total += rows_count(rows, row, columns[i]);
  }
  return total;
}

static void set_limits(struct pgbouncer_pool *pool,
                       const struct pgbouncer_database *database) {
  pool->size = -1;
  pool->capacity = -1;
  if (database == NULL) { /* gone between two commands */
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

static struct pgbouncer_pool pool_at(const PGresult *rows, int row,
                                     const int *columns) {
  return (struct pgbouncer_pool){
      .database = rows_text(rows, row, columns[DATABASE]),
      .user = rows_text(rows, row, columns[USER]),
      .active = rows_count(rows, row, columns[SV_ACTIVE]),
      .idle = sum(rows, row, columns, SV_IDLE, SV_TESTED),
      .total = sum(rows, row, columns, SV_ACTIVE, SV_BEING_CANCELED),
      .waiting = rows_count(rows, row, columns[CL_WAITING]),
      .clients = sum(rows, row, columns, CL_ACTIVE, CL_WAITING),
      .oldest_wait_us = rows_count(rows, row, columns[MAXWAIT]) * 1000000 +
                        rows_count(rows, row, columns[MAXWAIT_US]),
  };
}

static int parse_pools(const PGresult *rows, struct pgbouncer_view *view) {
  int columns[COLUMNS];
  int len = PQntuples(rows);
  rows_find_columns(rows, pool_columns, COLUMNS, columns);
  if (columns[DATABASE] < 0 || columns[USER] < 0 || columns[SV_ACTIVE] < 0 ||
      columns[CL_WAITING] < 0) {
    return -EPROTO;
  }
  struct pgbouncer_pool *larger = rows_reserve(view->pools, &view->pools_size,
                                               (size_t)len, sizeof(*larger));
  if (larger == NULL) {
    return -ENOMEM;
  }
  view->pools = larger;
  view->pools_len = 0;
  view->clients = 0;
  for (int row = 0; row < len; row++) {
    struct pgbouncer_pool pool = pool_at(rows, row, columns);
    view->clients += pool.clients;
    if (strcmp(pool.database, "pgbouncer") != 0) {
      set_limits(&pool, find_database(view, pool.database));
      view->pools[view->pools_len++] = pool;
    }
  }
  return 0;
}

/* ---- the rest ---- */

static int parse_stats(const PGresult *rows, struct pgbouncer_view *view) {
  int name = PQfnumber(rows, "database");
  int wait = PQfnumber(rows, "total_wait_time");
  for (int row = 0; row < PQntuples(rows); row++) {
    struct pgbouncer_database *database =
        find_database(view, rows_text(rows, row, name));
    if (database != NULL) {
      database->wait_us = rows_number(rows, row, wait, -1);
    }
  }
  return 0;
}

static int parse_config(const PGresult *rows, struct pgbouncer_view *view) {
  int key = PQfnumber(rows, "key");
  int value = PQfnumber(rows, "value");
  view->clients_limit = -1;
  for (int row = 0; row < PQntuples(rows); row++) {
    if (strcmp(rows_text(rows, row, key), "max_client_conn") == 0) {
      view->clients_limit = rows_number(rows, row, value, -1);
    }
  }
  return 0;
}

int pgbouncer_parse(PGresult *const *results, struct pgbouncer_view *view,
                    struct error *error) {
  /* Databases first: what follows is looked up in them. */
  static const struct {
    enum pgbouncer_command command;
    int (*parse)(const PGresult *rows, struct pgbouncer_view *view);
  } steps[] = {
      {PGBOUNCER_DATABASES, parse_databases},
      {PGBOUNCER_POOLS, parse_pools},
      {PGBOUNCER_STATS, parse_stats},
      {PGBOUNCER_CONFIG, parse_config},
  };
  for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
    int code = steps[i].parse(results[steps[i].command], view);
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

void pgbouncer_view_fini(struct pgbouncer_view *view) {
  if (view != NULL) {
    free(view->pools);
    free(view->databases);
    *view = (struct pgbouncer_view){0};
  }
}

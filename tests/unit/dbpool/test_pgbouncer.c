/* SPDX-License-Identifier: MIT */
/* pgbouncer: full pools, in the columns of every release as captured/ has them.
 */
#include "captured.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "dbpool/pgbouncer.h"

struct field {
  const char *column, *value;
};

static const char *value_of(const struct field *row, const char *column) {
  for (; row->column != NULL; row++) {
    if (strcmp(row->column, column) == 0) {
      return row->value;
    }
  }
  return "0";
}

/* Frees a result and makes one with its columns and, for each row, the values
 * by name. */
static PGresult *refill(PGresult *result, const struct field *const *rows) {
  PGresult *refilled = PQcopyResult(result, PG_COPYRES_ATTRS);
  for (int row = 0; rows[row] != NULL; row++) {
    for (int column = 0; column < PQnfields(result); column++) {
      const char *text = value_of(rows[row], PQfname(result, column));
      char value[64];
      (void)snprintf(value, sizeof(value), "%s", text == NULL ? "" : text);
      assert_int_equal(PQsetvalue(refilled, row, column,
                                  text == NULL ? NULL : value,
                                  text == NULL ? -1 : (int)strlen(value)),
                       1);
    }
  }
  PQclear(result);
  return refilled;
}

static const struct field console_pool[] = {
    {"database", "pgbouncer"}, {"user", "pgbouncer"}, {"cl_active", "1"}, {0}};
static const struct field trading_pool[] = {{"database", "trading"},
                                            {"user", "app"},
                                            {"cl_active", "7"},
                                            {"cl_waiting", "5"},
                                            {"sv_active", "12"},
                                            {"sv_idle", "1"},
                                            {"sv_used", "2"},
                                            {"sv_tested", "1"},
                                            {"sv_login", "1"},
                                            {"maxwait", "2"},
                                            {"maxwait_us", "500000"},
                                            {"pool_mode", "session"},
                                            {"sv_active_cancel", "1"},
                                            {"sv_being_canceled", "2"},
                                            {0}};
static const struct field other_pool[] = {
    {"database", "billing"}, {"user", "app"}, {"sv_active", "3"}, {0}};
static const struct field vanished_pool[] = {
    {"database", "gone"}, {"user", "app"}, {0}};
static const struct field trading_database[] = {{"name", "trading"},
                                                {"host", NULL},
                                                {"pool_size", "20"},
                                                {"reserve_pool", "5"},
                                                {"reserve_pool_size", "5"},
                                                {"max_connections", "0"},
                                                {0}};
static const struct field billing_database[] = {
    {"name", "billing"},       {"pool_size", "20"},
    {"reserve_pool", "5"},     {"reserve_pool_size", "5"},
    {"max_connections", "10"}, {0}};
static const struct field trading_stats[] = {
    {"database", "trading"}, {"total_wait_time", "123456789012"}, {0}};
static const struct field max_client_conn[] = {
    {"key", "max_client_conn"}, {"value", "100"}, {0}};
static const struct field other_setting[] = {
    {"key", "logfile"}, {"value", NULL}, {0}};

static void refill_rows(PGresult **results, enum pgbouncer_command command,
                        const struct field *const *rows) {
  results[command] = refill(results[command], rows);
}

static void answer_commands(const char *path, PGresult **results) {
  captured_read(path, results, PGBOUNCER_COMMANDS);
  refill_rows(results, PGBOUNCER_POOLS,
              (const struct field *[]){console_pool, trading_pool, other_pool,
                                       vanished_pool, NULL});
  refill_rows(
      results, PGBOUNCER_DATABASES,
      (const struct field *[]){trading_database, billing_database, NULL});
  refill_rows(results, PGBOUNCER_STATS,
              (const struct field *[]){trading_stats, NULL});
  refill_rows(results, PGBOUNCER_CONFIG,
              (const struct field *[]){other_setting, max_client_conn, NULL});
}

static void clear(PGresult **results) {
  captured_clear(results, PGBOUNCER_COMMANDS);
}

static void reads_every_release(void **state) {
  (void)state;
  struct pgbouncer_stats stats = {0};
  glob_t found = captured_find("pgbouncer-*");
  for (size_t i = 0; i < found.gl_pathc; i++) {
    PGresult *results[PGBOUNCER_COMMANDS];
    struct error error = {{0}};
    answer_commands(found.gl_pathv[i], results);
    bool has_cancels = /* since 1.18 */
        PQfnumber(results[PGBOUNCER_POOLS], "sv_being_canceled") >= 0;
    assert_int_equal(pgbouncer_stats_parse(&stats, results, &error), 0);
    assert_int_equal(stats.clients, 13);
    assert_int_equal(stats.clients_limit, 100);
    assert_int_equal(stats.pools.len, 3);
    const struct pgbouncer_pool *pools = stats.pools.items;
    const struct pgbouncer_database *databases = stats.databases.items;
    const struct pgbouncer_pool *pool = &pools[0];
    assert_string_equal(pool->database, "trading");
    assert_string_equal(pool->user, "app");
    assert_int_equal(pool->active, 12);
    assert_int_equal(pool->idle, 4);
    assert_int_equal(pool->total, 17 + (has_cancels ? 3 : 0));
    assert_int_equal(pool->waiting, 5);
    assert_int_equal(pool->clients, 12);
    assert_int_equal(pool->oldest_wait_us, 2500000);
    assert_int_equal(pool->size, 20);
    assert_int_equal(pool->capacity, 25);
    assert_int_equal(pools[1].capacity, 10); /* the database's limit */
    assert_int_equal(pools[2].capacity, -1); /* its database is gone */
    assert_int_equal(stats.databases.len, 2);
    assert_string_equal(databases[1].name, "trading");
    assert_int_equal(databases[1].wait_us, INT64_C(123456789012));
    assert_int_equal(databases[0].wait_us, -1);
    clear(results);
  }
  globfree(&found);
  pgbouncer_stats_fini(&stats);
  pgbouncer_stats_fini(NULL);
}

/* pool_size 0 means "no limit" since 1.24. */
static void knows_pools_without_a_limit(void **state) {
  (void)state;
  static const struct field unlimited[] = {
      {"name", "trading"}, {"pool_size", "0"}, {"reserve_pool_size", "5"}, {0}};
  static const struct field capped[] = {
      {"name", "billing"}, {"pool_size", "0"}, {"max_connections", "40"}, {0}};
  PGresult *results[PGBOUNCER_COMMANDS];
  struct pgbouncer_stats stats = {0};
  struct error error = {{0}};
  glob_t found = captured_find("pgbouncer-1.24");
  answer_commands(found.gl_pathv[0], results);
  globfree(&found);
  refill_rows(results, PGBOUNCER_DATABASES,
              (const struct field *[]){unlimited, capped, NULL});
  assert_int_equal(pgbouncer_stats_parse(&stats, results, &error), 0);
  const struct pgbouncer_pool *pools = stats.pools.items;
  assert_int_equal(pools[0].size, -1);
  assert_int_equal(pools[0].capacity, -1);
  assert_int_equal(pools[1].capacity, 40);
  clear(results);
  pgbouncer_stats_fini(&stats);
}

static void refuses_what_is_no_console(void **state) {
  (void)state;
  PGresult *results[PGBOUNCER_COMMANDS];
  struct pgbouncer_stats stats = {0};
  struct error error = {{0}};
  glob_t found = captured_find("pgbouncer-1.12");
  answer_commands(found.gl_pathv[0], results);
  globfree(&found);
  PGresult *pools = results[PGBOUNCER_POOLS];
  results[PGBOUNCER_POOLS] = results[PGBOUNCER_CONFIG];
  assert_int_equal(pgbouncer_stats_parse(&stats, results, &error), -EPROTO);
  assert_string_equal(error.text, "SHOW POOLS has no column database");
  results[PGBOUNCER_POOLS] = pools;
  clear(results);
  pgbouncer_stats_fini(&stats);
}

/* 3 of the user's 4 connections are in use, 2 of them in the other pool. */
static void knows_the_limit_that_is_nearest(void **state) {
  (void)state;
  static const struct field first[] = {
      {"database", "trading"}, {"user", "app"}, {"sv_active", "1"}, {0}};
  static const struct field second[] = {
      {"database", "billing"}, {"user", "app"}, {"sv_active", "2"}, {0}};
  static const struct field other[] = {
      {"database", "billing"}, {"user", "jobs"}, {"sv_active", "7"}, {0}};
  static const struct field all_users[] = {
      {"key", "max_user_connections"}, {"value", "4"}, {0}};
  static const struct field app[] = {{"name", "app"}, {0}};
  static const struct field jobs[] = {
      {"name", "jobs"}, {"max_user_connections", "14"}, {0}};
  glob_t found = captured_find("pgbouncer-*");
  for (size_t i = 0; i < found.gl_pathc; i++) {
    PGresult *results[PGBOUNCER_COMMANDS];
    struct pgbouncer_stats stats = {0};
    struct error error = {{0}};
    answer_commands(found.gl_pathv[i], results);
    refill_rows(results, PGBOUNCER_POOLS,
                (const struct field *[]){first, second, other, NULL});
    refill_rows(results, PGBOUNCER_CONFIG,
                (const struct field *[]){all_users, NULL});
    refill_rows(results, PGBOUNCER_USERS,
                (const struct field *[]){app, jobs, NULL});
    bool has_user_limits =
        PQfnumber(results[PGBOUNCER_USERS], "max_user_connections") >= 0;
    assert_int_equal(pgbouncer_stats_parse(&stats, results, &error), 0);
    const struct pgbouncer_pool *pools = stats.pools.items;
    assert_int_equal(pools[0].capacity, 4);
    assert_int_equal((int)pools[0].used_percent, 75);
    /* 9 of the database's 10 are in use. */
    assert_int_equal((int)pools[1].used_percent, 90);
    assert_int_equal(pools[2].capacity, has_user_limits ? 10 : 4);
    clear(results);
    pgbouncer_stats_fini(&stats);
  }
  globfree(&found);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_every_release),
      cmocka_unit_test(knows_pools_without_a_limit),
      cmocka_unit_test(refuses_what_is_no_console),
      cmocka_unit_test(knows_the_limit_that_is_nearest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

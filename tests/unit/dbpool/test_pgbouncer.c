/* SPDX-License-Identifier: MIT */
/* pgbouncer: the console's answers of each release. The columns are those of
 * src/admin.c and src/stats.c at the tags pgbouncer_1_12_0 to pgbouncer_1_25_0
 * in its repository; releases that are not named do not differ. */
#include "results.h"

#include <errno.h>
#include <stdio.h>

#include "dbpool/pgbouncer.h"

#define STATS_12                                                               \
  "database|total_xact_count|total_query_count|total_received|total_sent|"     \
  "total_xact_time|total_query_time|total_wait_time|avg_xact_count|"           \
  "avg_query_count|avg_recv|avg_sent|avg_xact_time|avg_query_time|"            \
  "avg_wait_time"
#define STATS_23                                                               \
  "database|total_server_assignment_count|total_xact_count|"                   \
  "total_query_count|total_received|total_sent|total_xact_time|"               \
  "total_query_time|total_wait_time|avg_server_assignment_count|"              \
  "avg_xact_count|avg_query_count|avg_recv|avg_sent|avg_xact_time|"            \
  "avg_query_time|avg_wait_time"
#define STATS_24                                                               \
  "database|total_server_assignment_count|total_xact_count|"                   \
  "total_query_count|total_received|total_sent|total_xact_time|"               \
  "total_query_time|total_wait_time|total_client_parse_count|"                 \
  "total_server_parse_count|total_bind_count|avg_server_assignment_count|"     \
  "avg_xact_count|avg_query_count|avg_recv|avg_sent|avg_xact_time|"            \
  "avg_query_time|avg_wait_time|avg_client_parse_count|"                       \
  "avg_server_parse_count|avg_bind_count"
#define POOLS_12                                                               \
  "database|user|cl_active|cl_waiting|sv_active|sv_idle|sv_used|sv_tested|"    \
  "sv_login|maxwait|maxwait_us|pool_mode"
#define POOLS_16                                                               \
  "database|user|cl_active|cl_waiting|cl_cancel_req|sv_active|sv_idle|"        \
  "sv_used|sv_tested|sv_login|maxwait|maxwait_us|pool_mode"
#define POOLS_18                                                               \
  "database|user|cl_active|cl_waiting|cl_active_cancel_req|"                   \
  "cl_waiting_cancel_req|sv_active|sv_active_cancel|sv_being_canceled|"        \
  "sv_idle|sv_used|sv_tested|sv_login|maxwait|maxwait_us|pool_mode"
#define DATABASES_12                                                           \
  "name|host|port|database|force_user|pool_size|reserve_pool|pool_mode|"       \
  "max_connections|current_connections|paused|disabled"
#define DATABASES_16                                                           \
  "name|host|port|database|force_user|pool_size|min_pool_size|reserve_pool|"   \
  "pool_mode|max_connections|current_connections|paused|disabled"
#define DATABASES_23                                                           \
  "name|host|port|database|force_user|pool_size|min_pool_size|reserve_pool|"   \
  "server_lifetime|pool_mode|max_connections|current_connections|paused|"      \
  "disabled"
#define DATABASES_24                                                           \
  "name|host|port|database|force_user|pool_size|min_pool_size|"                \
  "reserve_pool_size|server_lifetime|pool_mode|load_balance_hosts|"            \
  "max_connections|current_connections|max_client_connections|"                \
  "current_client_connections|paused|disabled"

static const struct release {
  const char *name, *pools, *databases, *stats, *config;
  int64_t cancels; /* connections that only this release tells of */
} releases[] = {
    {"1.12 to 1.14", POOLS_12, DATABASES_12, STATS_12, "key|value|changeable",
     0},
    {"1.15", POOLS_12, DATABASES_12, STATS_12, "key|value|default|changeable",
     0},
    {"1.16, 1.17", POOLS_16, DATABASES_16, STATS_12,
     "key|value|default|changeable", 0},
    {"1.18 to 1.22", POOLS_18, DATABASES_16, STATS_12,
     "key|value|default|changeable", 3},
    {"1.23", POOLS_18, DATABASES_23, STATS_23, "key|value|default|changeable",
     3},
    {"1.24, 1.25", POOLS_18 "|load_balance_hosts", DATABASES_24, STATS_24,
     "key|value|default|changeable", 3},
};

struct field {
  const char *column, *value;
};

static const char *value_of(const struct field *row, const char *column,
                            size_t length) {
  for (; row->column != NULL; row++) {
    if (strlen(row->column) == length &&
        strncmp(row->column, column, length) == 0) {
      return row->value;
    }
  }
  return "0";
}

/* A result with those columns and, for each row, the values by name. */
static PGresult *table(const char *columns, const struct field *const *rows) {
  char text[4096];
  size_t used = (size_t)snprintf(text, sizeof(text), "%s\n", columns);
  for (; *rows != NULL; rows++) {
    for (const char *column = columns;; column++) {
      size_t length = strcspn(column, "|");
      used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
                               value_of(*rows, column, length),
                               column[length] == '|' ? "|" : "\n");
      column += length;
      if (*column == '\0') {
        break;
      }
    }
  }
  return result_from(text);
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
                                                {"host", "\\N"},
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
    {"key", "logfile"}, {"value", "\\N"}, {0}};

static void answer(const struct release *release, PGresult **results) {
  results[PGBOUNCER_POOLS] =
      table(release->pools,
            (const struct field *[]){console_pool, trading_pool, other_pool,
                                     vanished_pool, NULL});
  results[PGBOUNCER_DATABASES] =
      table(release->databases,
            (const struct field *[]){trading_database, billing_database, NULL});
  results[PGBOUNCER_STATS] =
      table(release->stats, (const struct field *[]){trading_stats, NULL});
  results[PGBOUNCER_CONFIG] =
      table(release->config,
            (const struct field *[]){other_setting, max_client_conn, NULL});
}

static void clear(PGresult **results) {
  for (size_t i = 0; i < PGBOUNCER_COMMANDS; i++) {
    PQclear(results[i]);
  }
}

static void reads_every_release(void **state) {
  (void)state;
  struct pgbouncer_view view = {0};
  for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++) {
    PGresult *results[PGBOUNCER_COMMANDS];
    struct error error = {{0}};
    print_message("%s\n", releases[i].name);
    answer(&releases[i], results);
    assert_int_equal(pgbouncer_parse(results, &view, &error), 0);
    assert_int_equal(view.clients, 13);
    assert_int_equal(view.clients_limit, 100);
    assert_int_equal(view.pools_len, 3);
    const struct pgbouncer_pool *pool = &view.pools[0];
    assert_string_equal(pool->database, "trading");
    assert_string_equal(pool->user, "app");
    assert_int_equal(pool->active, 12);
    assert_int_equal(pool->idle, 4);
    assert_int_equal(pool->total, 17 + releases[i].cancels);
    assert_int_equal(pool->waiting, 5);
    assert_int_equal(pool->clients, 12);
    assert_int_equal(pool->oldest_wait_us, 2500000);
    assert_int_equal(pool->size, 20);
    assert_int_equal(pool->capacity, 25);
    assert_int_equal(view.pools[1].capacity, 10); /* the database's limit */
    assert_int_equal(view.pools[2].capacity, -1); /* its database is gone */
    assert_int_equal(view.databases_len, 2);
    assert_string_equal(view.databases[1].name, "trading");
    assert_int_equal(view.databases[1].wait_us, INT64_C(123456789012));
    assert_int_equal(view.databases[0].wait_us, -1);
    clear(results);
  }
  pgbouncer_view_fini(&view);
  pgbouncer_view_fini(NULL);
}

/* pool_size 0 is "no limit" from 1.24 on. */
static void knows_pools_without_a_limit(void **state) {
  (void)state;
  static const struct field unlimited[] = {
      {"name", "trading"}, {"pool_size", "0"}, {"reserve_pool_size", "5"}, {0}};
  static const struct field capped[] = {
      {"name", "billing"}, {"pool_size", "0"}, {"max_connections", "40"}, {0}};
  PGresult *results[PGBOUNCER_COMMANDS];
  struct pgbouncer_view view = {0};
  struct error error = {{0}};
  answer(&releases[5], results);
  PQclear(results[PGBOUNCER_DATABASES]);
  results[PGBOUNCER_DATABASES] =
      table(DATABASES_24, (const struct field *[]){unlimited, capped, NULL});
  assert_int_equal(pgbouncer_parse(results, &view, &error), 0);
  assert_int_equal(view.pools[0].size, -1);
  assert_int_equal(view.pools[0].capacity, -1);
  assert_int_equal(view.pools[1].capacity, 40);
  clear(results);
  pgbouncer_view_fini(&view);
}

static void refuses_what_is_no_console(void **state) {
  (void)state;
  PGresult *results[PGBOUNCER_COMMANDS];
  struct pgbouncer_view view = {0};
  struct error error = {{0}};
  answer(&releases[0], results);
  PGresult *pools = results[PGBOUNCER_POOLS];
  results[PGBOUNCER_POOLS] = results[PGBOUNCER_CONFIG];
  assert_int_equal(pgbouncer_parse(results, &view, &error), -EPROTO);
  assert_string_equal(error.text,
                      "SHOW POOLS lacks columns that every PgBouncer has");
  results[PGBOUNCER_POOLS] = pools;
  clear(results);
  pgbouncer_view_fini(&view);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_every_release),
      cmocka_unit_test(knows_pools_without_a_limit),
      cmocka_unit_test(refuses_what_is_no_console),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* captured: what real servers answered, and rows as each version has them. */
#include "results.h"

#include <stdio.h>

#include "dbpool/pgbouncer.h"
#include "dbpool/postgresql.h"

#define POSTGRESQL_RESULTS 4

/* Captured from PostgreSQL 15.20 (Debian) with the plugin's own question: five
 * sessions of one application over the Unix socket, and the asker. */
#define SETTINGS_15                                                            \
  "int8|pg_backend_pid|current_setting|current_setting|current_setting\n"
#define SESSIONS_15                                                            \
  "pid|datname|usename|application_name|client_addr|client_port|"              \
  "backend_type|state|?column?|int8|int8|int8|case\n"
#define DATABASES_15                                                           \
  "datname|datconnlimit|sessions_abandoned|sessions_fatal|sessions_killed\n"   \
  "postgres|-1|0|0|0\n"                                                        \
  "trading|50|0|0|0\n"                                                         \
  "template1|-1|0|0|0\n"                                                       \
  "template0|-1|0|0|0\n"
#define ROLES_15 "rolname|rolconnlimit\napp|40\n"

static const char *const asked_by_monitor[POSTGRESQL_RESULTS] = {
    SETTINGS_15 "1795403605403267|6859|100|3|\\N\n",
    SESSIONS_15
    "6820|\\N|postgres||\\N|\\N|logical replication launcher|\\N|f|"
    "1795403604630336|\\N|\\N|\\N\n"
    "6833|trading|app|trading-api|\\N|-1|client backend|idle in transaction|f|"
    "1795403604826291|1795403604835738|1795403604836025|SELECT 1\n"
    "6835|trading|app|trading-api|\\N|-1|client backend|"
    "idle in transaction (aborted)|f|1795403604842451|\\N|1795403604848719|"
    "SELECT nothing\n"
    "6836|trading|app|trading-api|\\N|-1|client backend|idle|f|"
    "1795403604854452|\\N|1795403604860631|ROLLBACK\n"
    "6837|trading|app|trading-api|\\N|-1|client backend|idle in transaction|f|"
    "1795403604866416|1795403604869743|1795403604870304|"
    "SELECT pg_advisory_lock(1)\n"
    "6838|trading|app|trading-api|\\N|-1|client backend|active|t|"
    "1795403604874398|1795403604879439|1795403604879547|\\N\n"
    "6859|trading|collectd|collectd|\\N|-1|client backend|active|\\N|"
    "1795403605393006|1795403605403510|1795403605403511|\\N\n"
    "6816|\\N|\\N||\\N|\\N|background writer|\\N|f|1795403604617439|\\N|\\N|"
    "\\N\n"
    "6815|\\N|\\N||\\N|\\N|checkpointer|\\N|f|1795403604617376|\\N|\\N|\\N\n"
    "6819|\\N|\\N||\\N|\\N|walwriter|\\N|f|1795403604634368|\\N|\\N|\\N\n",
    DATABASES_15,
    ROLES_15,
};

/* The same moment, asked by a role without pg_monitor. */
static const char *const asked_by_anyone[POSTGRESQL_RESULTS] = {
    SETTINGS_15 "1795403605417229|6863|100|3|\\N\n",
    SESSIONS_15
    "6820|\\N|postgres||\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N\n"
    "6833|trading|app|trading-api|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N\n"
    "6835|trading|app|trading-api|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N\n"
    "6836|trading|app|trading-api|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N\n"
    "6837|trading|app|trading-api|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N\n"
    "6838|trading|app|trading-api|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N\n"
    "6863|trading|plain|collectd|\\N|-1|client backend|active|\\N|"
    "1795403605410424|1795403605417554|1795403605417555|\\N\n"
    "6816|\\N|\\N||\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N\n"
    "6815|\\N|\\N||\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N\n"
    "6819|\\N|\\N||\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N\n",
    DATABASES_15,
    ROLES_15,
};

static void read_postgresql(const char *const *texts,
                            struct postgresql_view *view) {
  PGresult *results[POSTGRESQL_RESULTS];
  struct error error = {{0}};
  for (size_t i = 0; i < POSTGRESQL_RESULTS; i++) {
    results[i] = result_from(texts[i]);
  }
  assert_int_equal(postgresql_parse(results, POSTGRESQL_RESULTS, view, &error),
                   0);
  for (size_t i = 0; i < POSTGRESQL_RESULTS; i++) {
    PQclear(results[i]);
  }
}

/* Every session but the asker's: how many are in that state. */
static size_t count_state(const struct postgresql_view *view,
                          enum session_state state) {
  size_t count = 0;
  for (size_t i = 0; i < view->sessions_len; i++) {
    count += view->sessions[i].pid != view->own_pid &&
                     view->sessions[i].state == state
                 ? 1
                 : 0;
  }
  return count;
}

static void reads_postgresql_15(void **state) {
  (void)state;
  struct postgresql_view view = {0};
  read_postgresql(asked_by_monitor, &view);
  assert_int_equal(view.now_us, INT64_C(1795403605403267));
  assert_int_equal(view.connection_limit, 97);
  assert_int_equal(view.sessions_len, 6);
  assert_int_equal(count_state(&view, SESSION_IN_TRANSACTION), 2);
  assert_int_equal(count_state(&view, SESSION_ABORTED), 1);
  assert_int_equal(count_state(&view, SESSION_IDLE), 1);
  assert_int_equal(count_state(&view, SESSION_ACTIVE), 1);
  assert_int_equal(count_state(&view, SESSION_HIDDEN), 0);
  assert_int_equal(view.databases_len, 4);
  assert_int_equal(view.roles_len, 1);
  postgresql_view_fini(&view);
}

static void reads_postgresql_15_as_anyone(void **state) {
  (void)state;
  struct postgresql_view view = {0};
  read_postgresql(asked_by_anyone, &view);
  assert_int_equal(view.sessions_len, 6);
  assert_int_equal(count_state(&view, SESSION_HIDDEN), 5);
  assert_int_equal(view.databases_len, 4);
  postgresql_view_fini(&view);
}

/* What differs from release to release, by its documentation of
 * pg_stat_activity, pg_stat_database and the settings: up to 9.6 only sessions
 * are listed and the question itself says what they are; the names of the
 * other processes grew; 14 counts how sessions end; 16 reserves connections. */
static const struct version {
  const char *name, *others, *reserved_role, *ends;
  int64_t connection_limit, abandoned;
} versions[] = {
    {"9.6", "", "\\N", "\\N|\\N|\\N", 97, -1},
    {"10", "autovacuum launcher|background worker|walsender", "\\N",
     "\\N|\\N|\\N", 97, -1},
    {"11", "logical replication launcher|parallel worker|startup", "\\N",
     "\\N|\\N|\\N", 97, -1},
    {"12", "logical replication worker|walreceiver|walwriter", "\\N",
     "\\N|\\N|\\N", 97, -1},
    {"13", "autovacuum worker|background writer|checkpointer", "\\N",
     "\\N|\\N|\\N", 97, -1},
    {"14", "archiver|walsender|checkpointer", "\\N", "7|1|2", 97, 7},
    {"15", "archiver|parallel worker|walwriter", "\\N", "7|1|2", 97, 7},
    {"16", "archiver|standalone backend|startup", "5", "7|1|2", 92, 7},
    {"17", "walsummarizer|slotsync worker|checkpointer", "5", "7|1|2", 92, 7},
};

static void write_sessions(char *text, size_t bytes, const char *others) {
  size_t used = (size_t)snprintf(
      text, bytes,
      SESSIONS_15 "4712|trading|app|trading-api|10.0.0.5|50112|client backend|"
                  "idle|f|1699999100000000|\\N|1699999990000000|SELECT 1\n");
  while (*others != '\0') {
    size_t length = strcspn(others, "|");
    used += (size_t)snprintf(text + used, bytes - used,
                             "4000|trading|app|trading-api|\\N|\\N|%.*s|\\N|f|"
                             "1699999000000000|\\N|\\N|\\N\n",
                             (int)length, others);
    others += others[length] == '|' ? length + 1 : length;
  }
}

static void reads_every_version(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
    char settings[256];
    char sessions[2048];
    char databases[256];
    struct postgresql_view view = {0};
    print_message("%s\n", versions[i].name);
    (void)snprintf(settings, sizeof(settings),
                   SETTINGS_15 "1700000000000000|4711|100|3|%s\n",
                   versions[i].reserved_role);
    write_sessions(sessions, sizeof(sessions), versions[i].others);
    (void)snprintf(databases, sizeof(databases),
                   "datname|datconnlimit|?column?|?column?|?column?\n"
                   "trading|50|%s\n",
                   versions[i].ends);
    read_postgresql((const char *[]){settings, sessions, databases, ROLES_15},
                    &view);
    assert_int_equal(view.connection_limit, versions[i].connection_limit);
    assert_int_equal(view.sessions_len, 1); /* nobody but the client */
    assert_int_equal(view.sessions[0].state, SESSION_IDLE);
    assert_int_equal(view.databases[0].abandoned, versions[i].abandoned);
    postgresql_view_fini(&view);
  }
}

/* Captured from PgBouncer 1.18.0 (Debian): two clients, one of them inside a
 * transaction; SHOW CONFIG is shortened. */
static const char *const console_18[PGBOUNCER_COMMANDS] = {
    [PGBOUNCER_POOLS] =
        "database|user|cl_active|cl_waiting|cl_active_cancel_req|"
        "cl_waiting_cancel_req|sv_active|sv_active_cancel|sv_being_canceled|"
        "sv_idle|sv_used|sv_tested|sv_login|maxwait|maxwait_us|pool_mode\n"
        "pgbouncer|pgbouncer|1|0|0|0|0|0|0|0|0|0|0|0|0|statement\n"
        "trading|app|2|0|0|0|1|0|0|1|0|0|0|0|0|transaction\n",
    [PGBOUNCER_DATABASES] =
        "name|host|port|database|force_user|pool_size|min_pool_size|"
        "reserve_pool|pool_mode|max_connections|current_connections|paused|"
        "disabled\n"
        "pgbouncer|\\N|26977|pgbouncer|pgbouncer|2|0|0|statement|0|0|0|0\n"
        "trading|/run/postgresql|22309|trading|\\N|4|0|1|\\N|0|2|0|0\n",
    [PGBOUNCER_STATS] =
        "database|total_xact_count|total_query_count|total_received|total_sent|"
        "total_xact_time|total_query_time|total_wait_time|avg_xact_count|"
        "avg_query_count|avg_recv|avg_sent|avg_xact_time|avg_query_time|"
        "avg_wait_time\n"
        "pgbouncer|2|2|0|0|0|0|0|1|1|0|0|0|0|0\n"
        "trading|2|5|64|186|9646|9179|5829|1|4|62|180|4823|1835|5668\n",
    [PGBOUNCER_CONFIG] = "key|value|default|changeable\n"
                         "auth_user|\\N|\\N|yes\n"
                         "max_client_conn|100|100|yes\n"
                         "max_db_connections|0|0|yes\n"
                         "unix_socket_mode|511|0777|no\n",
};

static void reads_pgbouncer_18(void **state) {
  (void)state;
  PGresult *results[PGBOUNCER_COMMANDS];
  struct pgbouncer_view view = {0};
  struct error error = {{0}};
  for (size_t i = 0; i < PGBOUNCER_COMMANDS; i++) {
    results[i] = result_from(console_18[i]);
  }
  assert_int_equal(pgbouncer_parse(results, &view, &error), 0);
  assert_int_equal(view.clients_limit, 100);
  assert_int_equal(view.clients, 3); /* the console's own is one */
  assert_int_equal(view.pools_len, 1);
  assert_int_equal(view.pools[0].active, 1);
  assert_int_equal(view.pools[0].idle, 1);
  assert_int_equal(view.pools[0].clients, 2);
  assert_int_equal(view.pools[0].capacity, 5);
  assert_int_equal(view.pools[0].waiting, 0);
  for (size_t i = 0; i < PGBOUNCER_COMMANDS; i++) {
    PQclear(results[i]);
  }
  pgbouncer_view_fini(&view);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_postgresql_15),
      cmocka_unit_test(reads_postgresql_15_as_anyone),
      cmocka_unit_test(reads_every_version),
      cmocka_unit_test(reads_pgbouncer_18),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* captured: the recorded answers of every release are understood. */
#include "captured.h"

#include <stdlib.h>

#include "dbpool/pgbouncer.h"
#include "dbpool/postgresql.h"

#define POSTGRESQL_RESULTS 4

/* Sessions in that state, without our own. */
static size_t count_state(const struct postgresql_stats *stats,
                          enum pool_session_state state) {
  const struct pool_session *sessions = stats->sessions.items;
  size_t count = 0;
  for (size_t i = 0; i < stats->sessions.len; i++) {
    count +=
        sessions[i].pid != stats->own_pid && sessions[i].state == state ? 1 : 0;
  }
  return count;
}

static const struct pool_session *
find_state(const struct postgresql_stats *stats,
           enum pool_session_state state) {
  const struct pool_session *sessions = stats->sessions.items;
  size_t i = 0;
  while (sessions[i].state != state) {
    assert_in_range(++i, 1, stats->sessions.len - 1);
  }
  return &sessions[i];
}

/* What the answers to both roles have in common. version: 9.6, 10, ... */
static void check_server(const struct postgresql_stats *stats, double version) {
  assert_int_equal(stats->sessions.len, 6); /* our own is one */
  assert_int_equal(stats->connection_limit, version < 16 ? 97 : 92);
  assert_int_equal(stats->databases.len, 3);
  const struct postgresql_limit *databases = stats->databases.items;
  const struct postgresql_limit *roles = stats->roles.items;
  assert_int_equal(databases[0].connection_limit, 50);
  assert_int_equal(databases[0].ends.abandoned, version < 14 ? -1 : 0);
  assert_int_equal(databases[0].ends.fatal, version < 14 ? -1 : 0);
  assert_int_equal(databases[0].ends.killed, version < 14 ? -1 : 0);
  assert_int_equal(stats->roles.len, 1);
  assert_string_equal(roles[0].name, "app");
  assert_int_equal(roles[0].connection_limit, 40);
  assert_int_equal(stats->untracked, 0);
}

static void check_visible(const struct postgresql_stats *stats) {
  assert_int_equal(count_state(stats, POOL_SESSION_IN_TRANSACTION), 2);
  assert_int_equal(count_state(stats, POOL_SESSION_ABORTED), 1);
  assert_int_equal(count_state(stats, POOL_SESSION_IDLE), 1);
  assert_int_equal(count_state(stats, POOL_SESSION_ACTIVE), 1);
  assert_int_equal(count_state(stats, POOL_SESSION_HIDDEN), 0);
  const struct pool_session *sessions = stats->sessions.items;
  size_t waiting = 0;
  for (size_t i = 0; i < stats->sessions.len; i++) {
    const struct pool_session *session = &sessions[i];
    waiting += session->is_waiting ? 1 : 0;
    assert_int_equal(session->client_port, -1);
    assert_string_equal(session->database, "postgres");
    assert_in_range(stats->now_us - session->backend_start_us, 1, 10000000);
  }
  assert_int_equal(waiting, 1);
  const struct pool_session *aborted = find_state(stats, POOL_SESSION_ABORTED);
  assert_string_equal(aborted->role, "app");
  assert_string_equal(aborted->application, "trading-api");
  assert_string_equal(aborted->query, "SELECT nothing");
  assert_int_equal(aborted->xact_start_us, 0);
  assert_true(find_state(stats, POOL_SESSION_IN_TRANSACTION)->xact_start_us >
              0);
}

static void reads_postgresql(void **state) {
  (void)state;
  glob_t found = captured_find("postgresql-*");
  assert_in_range(found.gl_pathc, 10, 99); /* 9.6 to 18 at least */
  for (size_t i = 0; i < found.gl_pathc; i++) {
    double version = strtod(strrchr(found.gl_pathv[i], '-') + 1, NULL);
    PGresult *results[2 * POSTGRESQL_RESULTS];
    struct postgresql_stats stats = {0};
    struct error error = {{0}};
    captured_read(found.gl_pathv[i], results, 2 * POSTGRESQL_RESULTS);
    assert_int_equal(
        postgresql_stats_parse(&stats, results, POSTGRESQL_RESULTS, &error), 0);
    check_server(&stats, version);
    check_visible(&stats);
    assert_int_equal(postgresql_stats_parse(&stats,
                                            results + POSTGRESQL_RESULTS,
                                            POSTGRESQL_RESULTS, &error),
                     0);
    check_server(&stats, version);
    assert_int_equal(count_state(&stats, POOL_SESSION_HIDDEN), 5);
    captured_clear(results, 2 * POSTGRESQL_RESULTS);
    postgresql_stats_fini(&stats);
  }
  globfree(&found);
}

static void reads_pgbouncer(void **state) {
  (void)state;
  glob_t found = captured_find("pgbouncer-*");
  assert_in_range(found.gl_pathc, 14, 99); /* 1.12 to 1.25 at least */
  for (size_t i = 0; i < found.gl_pathc; i++) {
    PGresult *results[PGBOUNCER_COMMANDS];
    struct pgbouncer_stats stats = {0};
    struct error error = {{0}};
    captured_read(found.gl_pathv[i], results, PGBOUNCER_COMMANDS);
    assert_int_equal(pgbouncer_stats_parse(&stats, results, &error), 0);
    assert_int_equal(stats.clients_limit, 100);
    assert_int_equal(stats.clients, 4); /* the console's own is one */
    assert_int_equal(stats.pools.len, 1);
    const struct pgbouncer_pool *pools = stats.pools.items;
    const struct pgbouncer_database *databases = stats.databases.items;
    assert_string_equal(pools[0].database, "postgres");
    assert_string_equal(pools[0].user, "postgres");
    assert_int_equal(pools[0].active, 2);
    assert_int_equal(pools[0].idle, 0);
    assert_int_equal(pools[0].total, 2);
    assert_int_equal(pools[0].clients, 3);
    assert_int_equal(pools[0].waiting, 1);
    assert_int_equal(pools[0].size, 2);
    assert_int_equal(pools[0].capacity, 3);
    assert_in_range(pools[0].oldest_wait_us, 1, 10000000);
    assert_int_equal(stats.databases.len, 2);
    assert_in_range(databases[1].wait_us, 1, 10000000);
    captured_clear(results, PGBOUNCER_COMMANDS);
    pgbouncer_stats_fini(&stats);
  }
  globfree(&found);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_postgresql),
      cmocka_unit_test(reads_pgbouncer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* captured: what real servers of every release answered is understood. */
#include "captured.h"

#include <stdlib.h>

#include "dbpool/pgbouncer.h"
#include "dbpool/postgresql.h"

#define POSTGRESQL_RESULTS 4

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

static const struct session *find_state(const struct postgresql_view *view,
                                        enum session_state state) {
  size_t i = 0;
  while (view->sessions[i].state != state) {
    assert_in_range(++i, 1, view->sessions_len - 1);
  }
  return &view->sessions[i];
}

/* What the answers to both roles have in common. version: 9.6, 10, ... */
static void check_server(const struct postgresql_view *view, double version) {
  assert_int_equal(view->sessions_len, 6); /* with the asker */
  assert_int_equal(view->connection_limit, version < 16 ? 97 : 92);
  assert_int_equal(view->databases_len, 3);
  assert_int_equal(view->databases[0].connection_limit, 50);
  assert_int_equal(view->databases[0].abandoned, version < 14 ? -1 : 0);
  assert_int_equal(view->databases[0].fatal, version < 14 ? -1 : 0);
  assert_int_equal(view->databases[0].killed, version < 14 ? -1 : 0);
  assert_int_equal(view->roles_len, 1);
  assert_string_equal(view->roles[0].name, "app");
  assert_int_equal(view->roles[0].connection_limit, 40);
  assert_int_equal(view->untracked, 0);
}

static void check_seen(const struct postgresql_view *view) {
  assert_int_equal(count_state(view, SESSION_IN_TRANSACTION), 2);
  assert_int_equal(count_state(view, SESSION_ABORTED), 1);
  assert_int_equal(count_state(view, SESSION_IDLE), 1);
  assert_int_equal(count_state(view, SESSION_ACTIVE), 1);
  assert_int_equal(count_state(view, SESSION_HIDDEN), 0);
  size_t waiting = 0;
  for (size_t i = 0; i < view->sessions_len; i++) {
    const struct session *session = &view->sessions[i];
    waiting += session->is_waiting ? 1 : 0;
    assert_int_equal(session->client_port, -1);
    assert_string_equal(session->database, "postgres");
    assert_in_range(view->now_us - session->backend_start_us, 1, 10000000);
  }
  assert_int_equal(waiting, 1);
  const struct session *aborted = find_state(view, SESSION_ABORTED);
  assert_string_equal(aborted->role, "app");
  assert_string_equal(aborted->application, "trading-api");
  assert_string_equal(aborted->query, "SELECT nothing");
  assert_int_equal(aborted->xact_start_us, 0);
  assert_true(find_state(view, SESSION_IN_TRANSACTION)->xact_start_us > 0);
}

static void reads_postgresql(void **state) {
  (void)state;
  glob_t found = captured_find("postgresql-*");
  assert_in_range(found.gl_pathc, 10, 99); /* 9.6 to 18 at least */
  for (size_t i = 0; i < found.gl_pathc; i++) {
    double version = strtod(strrchr(found.gl_pathv[i], '-') + 1, NULL);
    PGresult *results[2 * POSTGRESQL_RESULTS];
    struct postgresql_view view = {0};
    struct error error = {{0}};
    captured_read(found.gl_pathv[i], results, 2 * POSTGRESQL_RESULTS);
    assert_int_equal(
        postgresql_parse(results, POSTGRESQL_RESULTS, &view, &error), 0);
    check_server(&view, version);
    check_seen(&view);
    assert_int_equal(postgresql_parse(results + POSTGRESQL_RESULTS,
                                      POSTGRESQL_RESULTS, &view, &error),
                     0);
    check_server(&view, version);
    assert_int_equal(count_state(&view, SESSION_HIDDEN), 5);
    captured_clear(results, 2 * POSTGRESQL_RESULTS);
    postgresql_view_fini(&view);
  }
  globfree(&found);
}

static void reads_pgbouncer(void **state) {
  (void)state;
  glob_t found = captured_find("pgbouncer-*");
  assert_in_range(found.gl_pathc, 14, 99); /* 1.12 to 1.25 at least */
  for (size_t i = 0; i < found.gl_pathc; i++) {
    PGresult *results[PGBOUNCER_COMMANDS];
    struct pgbouncer_view view = {0};
    struct error error = {{0}};
    captured_read(found.gl_pathv[i], results, PGBOUNCER_COMMANDS);
    assert_int_equal(pgbouncer_parse(results, &view, &error), 0);
    assert_int_equal(view.clients_limit, 100);
    assert_int_equal(view.clients, 4); /* the console's own is one */
    assert_int_equal(view.pools_len, 1);
    assert_string_equal(view.pools[0].database, "postgres");
    assert_string_equal(view.pools[0].user, "postgres");
    assert_int_equal(view.pools[0].active, 2);
    assert_int_equal(view.pools[0].idle, 0);
    assert_int_equal(view.pools[0].total, 2);
    assert_int_equal(view.pools[0].clients, 3);
    assert_int_equal(view.pools[0].waiting, 1);
    assert_int_equal(view.pools[0].size, 2);
    assert_int_equal(view.pools[0].capacity, 3);
    assert_in_range(view.pools[0].oldest_wait_us, 1, 10000000);
    assert_int_equal(view.databases_len, 2);
    assert_in_range(view.databases[1].wait_us, 1, 10000000);
    captured_clear(results, PGBOUNCER_COMMANDS);
    pgbouncer_view_fini(&view);
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

/* SPDX-License-Identifier: MIT */
/* postgresql: the query for each version, and rows as servers send them. */
#include "results.h"

#include <errno.h>

#include "dbpool/postgresql.h"

#define SETTINGS "now|pid|max|reserved|reserved_role\n"
#define SESSIONS                                                               \
  "pid|datname|usename|application_name|client_addr|client_port|backend_type|" \
  "state|waits|backend_start|xact_start|state_change|query\n"
#define DATABASES "datname|datconnlimit|abandoned|fatal|killed\n"
#define ROLES "rolname|rolconnlimit\n"

struct answer_text {
  const char *lines[4];
};

static int read_stats(const struct answer_text *text, PGresult **results,
                      struct postgresql_stats *stats, struct error *error) {
  for (size_t i = 0; i < 4; i++) {
    results[i] = result_from(text->lines[i]);
  }
  return postgresql_stats_parse(stats, results, 4, error);
}

static void clear_results(PGresult **results) {
  for (size_t i = 0; i < 4; i++) {
    PQclear(results[i]);
  }
}

/* PostgreSQL 15, asked by a member of pg_monitor. */
static const struct answer_text privileged = {{
    SETTINGS "1700000000000000|4711|100|3|\\N\n",
    SESSIONS
    "4001|\\N|\\N|||\\N|autovacuum "
    "launcher|\\N|f|1699999000000000|\\N|\\N|\\N\n"
    "4711|trading|collectd|collectd||-1|client backend|active|f|"
    "1699999000000000|1700000000000000|1700000000000000|\\N\n"
    "4712|trading|app|trading-api|10.0.0.5|50112|client backend|"
    "idle in transaction (aborted)|f|1699999100000000|\\N|1699999990000000|"
    "SELECT 1\n"
    "4713|trading|app|trading-api|10.0.0.5|50113|client backend|"
    "idle in transaction|\\N|1699999100000000|1699999980000000|"
    "1699999990000001|\\N\n"
    "4714|trading|app|trading-api||-1|client backend|active|t|"
    "1699999100000000|1699999980000000|1699999990000000|\\N\n"
    "4715|trading|app|trading-api||-1|client backend|fastpath function call|f|"
    "1699999100000000|1699999980000000|1699999990000000|\\N\n"
    "4716|trading|app|||-1|client backend|idle|f|1699999100000000|\\N|"
    "1699999990000000|\\N\n"
    "4717|trading|app|||-1|parallel worker|active|f|1699999100000000|\\N|"
    "1699999990000000|\\N\n",
    DATABASES "trading|50|7|1|0\npostgres|-1|0|0|0\n",
    ROLES "app|40\n",
}};

/* The same by a plain role: what it may not see is NULL. */
static const struct answer_text plain = {{
    SETTINGS "1700000000000000|4711|100|3|\\N\n",
    SESSIONS
    "4001|\\N|\\N||\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N\n"
    "4712|trading|app|trading-api|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N|\\N\n",
    DATABASES "trading|-1|0|0|0\n",
    ROLES,
}};

/* PostgreSQL 16 has reserved_connections; 13 no counters of sessions. */
static const struct answer_text later = {{
    SETTINGS "1700000000000000|4711|100|3|5\n",
    SESSIONS,
    DATABASES "trading|-1|\\N|\\N|\\N\n",
    ROLES,
}};

static void reads_what_a_monitor_sees(void **state) {
  (void)state;
  PGresult *results[4];
  struct postgresql_stats stats = {0};
  struct error error = {{0}};
  assert_int_equal(read_stats(&privileged, results, &stats, &error), 0);
  assert_int_equal(stats.now_us, INT64_C(1700000000000000));
  assert_int_equal(stats.own_pid, 4711);
  assert_int_equal(stats.connection_limit, 97);
  assert_int_equal(stats.sessions.len, 6); /* clients only */
  const struct pool_session *sessions = stats.sessions.items;
  const struct postgresql_limit *databases = stats.databases.items;
  const struct postgresql_limit *roles = stats.roles.items;
  assert_int_equal(sessions[1].state, POOL_SESSION_ABORTED);
  assert_int_equal(sessions[1].xact_start_us, 0);
  assert_string_equal(sessions[1].query, "SELECT 1");
  assert_string_equal(sessions[1].client_address, "10.0.0.5");
  assert_int_equal(sessions[1].client_port, 50112);
  assert_int_equal(sessions[2].state, POOL_SESSION_IN_TRANSACTION);
  assert_int_equal(sessions[2].state_change_us, INT64_C(1699999990000001));
  assert_int_equal(sessions[3].state, POOL_SESSION_ACTIVE);
  assert_true(sessions[3].is_waiting);
  assert_int_equal(sessions[3].client_port, -1);
  assert_int_equal(sessions[4].state, POOL_SESSION_ACTIVE);
  assert_int_equal(sessions[5].state, POOL_SESSION_IDLE);
  assert_int_equal(stats.databases.len, 2);
  assert_int_equal(databases[0].connection_limit, 50);
  assert_int_equal(databases[0].ends.abandoned, 7);
  assert_int_equal(stats.roles.len, 1);
  assert_int_equal(roles[0].connection_limit, 40);
  clear_results(results);
  postgresql_stats_fini(&stats);
}

static void counts_hidden_sessions_as_clients(void **state) {
  (void)state;
  PGresult *results[4];
  struct postgresql_stats stats = {0};
  struct error error = {{0}};
  assert_int_equal(read_stats(&plain, results, &stats, &error), 0);
  assert_int_equal(stats.sessions.len, 1);
  const struct pool_session *sessions = stats.sessions.items;
  assert_int_equal(sessions[0].state, POOL_SESSION_HIDDEN);
  assert_string_equal(sessions[0].application, "trading-api");
  clear_results(results);
  postgresql_stats_fini(&stats);
}

static void reads_other_versions(void **state) {
  (void)state;
  PGresult *results[4];
  struct postgresql_stats stats = {0};
  struct error error = {{0}};
  assert_int_equal(read_stats(&later, results, &stats, &error), 0);
  assert_int_equal(stats.connection_limit, 92);
  assert_int_equal(stats.sessions.len, 0);
  const struct postgresql_limit *databases = stats.databases.items;
  assert_int_equal(databases[0].ends.abandoned, -1);
  clear_results(results);
  postgresql_stats_fini(&stats);
}

static void refuses_invalid_answers(void **state) {
  (void)state;
  static const struct answer_text invalid[] = {
      {{SETTINGS, SESSIONS, DATABASES, ROLES}},
      {{SETTINGS "soon|1|100|3|0\n", SESSIONS, DATABASES, ROLES}},
      {{SETTINGS "1|1|100|3|0\n", ROLES, DATABASES, ROLES}},
      {{SETTINGS "1|1|100|3|0\n", SESSIONS, DATABASES, DATABASES}},
  };
  for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
    PGresult *results[4];
    struct postgresql_stats stats = {0};
    struct error error = {{0}};
    assert_int_equal(read_stats(&invalid[i], results, &stats, &error), -EPROTO);
    assert_non_null(strstr(error.text, "invalid answer to statement "));
    clear_results(results);
    postgresql_stats_fini(&stats);
  }
  struct postgresql_stats stats = {0};
  struct error error = {{0}};
  assert_int_equal(postgresql_stats_parse(&stats, NULL, 0, &error), -EPROTO);
  assert_string_equal(error.text, "0 results instead of 4");
}

static void queries_only_what_a_version_has(void **state) {
  (void)state;
  static const struct {
    int version;
    bool has_type, has_ends;
  } cases[] = {
      {90600, false, false}, {90624, false, false}, {100000, true, false},
      {110022, true, false}, {120000, true, false}, {130014, true, false},
      {140000, true, true},  {150003, true, true},  {160001, true, true},
      {170000, true, true},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char text[2048];
    struct error error = {{0}};
    assert_int_equal(postgresql_format_query(text, sizeof(text),
                                             cases[i].version, 366 * 86400,
                                             &error),
                     0);
    assert_in_range(strlen(text), 500, sizeof(text) - 200);
    assert_int_equal(strstr(text, ",backend_type,") != NULL, cases[i].has_type);
    assert_int_equal(strstr(text, "sessions_abandoned") != NULL,
                     cases[i].has_ends);
    assert_non_null(strstr(text, "WHERE rolconnlimit>=0"));
  }
}

static void refuses_old_versions(void **state) {
  (void)state;
  char text[2048];
  struct error error = {{0}};
  assert_int_equal(
      postgresql_format_query(text, sizeof(text), 90525, 0, &error), -ENOTSUP);
  assert_string_equal(error.text, "the server has version 9.5; 9.6 or "
                                  "later is required");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_a_monitor_sees),
      cmocka_unit_test(counts_hidden_sessions_as_clients),
      cmocka_unit_test(reads_other_versions),
      cmocka_unit_test(refuses_invalid_answers),
      cmocka_unit_test(queries_only_what_a_version_has),
      cmocka_unit_test(refuses_old_versions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

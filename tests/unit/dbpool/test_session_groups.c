/* SPDX-License-Identifier: MIT */
/* session_groups: which sessions belong to a pool, and what the server's limits
 * leave it. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "dbpool/postgresql.h"
#include "dbpool/session_groups.h"
#include "support/failing.h"

#define SESSIONS_MAX 200
#define OWN_PID 1

/* The sessions of one read, and what was selected of them. */
struct scene {
  struct session_groups groups;
  struct pool_session sessions[SESSIONS_MAX];
  size_t sessions_len;
  const struct pool_session *selected[SESSIONS_MAX];
  size_t selected_len;
};

static void add_session(struct scene *scene, const char *database,
                        const char *role, const char *application) {
  assert_in_range(scene->sessions_len, 0, SESSIONS_MAX - 1);
  scene->sessions[scene->sessions_len] = (struct pool_session){
      .pid = OWN_PID + 1 + (int64_t)scene->sessions_len,
      .state = POOL_SESSION_IDLE,
      .database = database,
      .role = role,
      .application = application,
  };
  scene->sessions_len++;
}

static void build_groups(struct scene *scene) {
  assert_int_equal(session_groups_build(&scene->groups, scene->sessions,
                                        scene->sessions_len, OWN_PID),
                   0);
}

/* The pool of a database; role, application: patterns, or NULL for any. */
static void select_pool(struct scene *scene, const char *database, char *role,
                        char *application) {
  const struct option_strings roles = {&role, role == NULL ? 0 : 1};
  const struct option_strings applications = {&application,
                                              application == NULL ? 0 : 1};
  scene->selected_len = session_groups_select(&scene->groups, database, &roles,
                                              &applications, scene->selected);
}

static char app[] = "app";
static char api[] = "api";
static char api_pattern[] = "ap*";
static char batch[] = "batch";

static void selects_the_sessions_of_a_pool(void **state) {
  (void)state;
  static const struct {
    const char *database;
    char *role, *application; /* patterns */
    size_t sessions;
  } cases[] = {
      {"trading", NULL, NULL, 4},   {"trading", app, NULL, 3},
      {"trading", NULL, api, 3},    {"trading", app, api_pattern, 2},
      {"billing", NULL, NULL, 2},   {"billing", batch, api, 1},
      {"trading", batch, batch, 0}, {"web", NULL, NULL, 0},
  };
  struct scene scene = {.sessions_len = 0};
  add_session(&scene, "trading", "app", "api");
  add_session(&scene, "trading", "app", "api");
  add_session(&scene, "trading", "app", "");
  add_session(&scene, "trading", "batch", "api");
  add_session(&scene, "billing", "app", "api");
  add_session(&scene, "billing", "batch", "api");
  build_groups(&scene);
  assert_int_equal(scene.groups.len, 5);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    select_pool(&scene, cases[i].database, cases[i].role, cases[i].application);
    assert_int_equal(scene.selected_len, cases[i].sessions);
    for (size_t j = 0; j < scene.selected_len; j++) {
      assert_string_equal(scene.selected[j]->database, cases[i].database);
    }
  }
  session_groups_fini(&scene.groups);
  session_groups_fini(NULL);
}

static void leaves_out_our_own_session(void **state) {
  (void)state;
  struct scene scene = {.sessions_len = 0};
  add_session(&scene, "trading", "app", "api");
  add_session(&scene, "trading", "app", "api");
  scene.sessions[0].pid = OWN_PID;
  build_groups(&scene);
  select_pool(&scene, "trading", NULL, NULL);
  assert_int_equal(scene.selected_len, 1);
  assert_int_not_equal(scene.selected[0]->pid, OWN_PID);
  /* It counts against the limits. */
  int64_t headroom = 100;
  session_groups_lower_headroom(&scene.groups, NULL, "app", 10, &headroom);
  assert_int_equal(headroom, 8);
  session_groups_fini(&scene.groups);
}

static void makes_one_group_of_equal_names(void **state) {
  (void)state;
  struct scene scene = {.sessions_len = 0};
  for (int i = 0; i < 100; i++) {
    add_session(&scene, "trading", "app", "api");
  }
  add_session(&scene, "trading", "ap", "papi"); /* the same bytes in a row */
  for (int round = 0; round < 10; round++) {
    build_groups(&scene);
    assert_int_equal(scene.groups.len, 2);
    select_pool(&scene, "trading", app, NULL);
    assert_int_equal(scene.selected_len, 100);
  }
  session_groups_fini(&scene.groups);
}

static void forgets_the_names_of_earlier_reads(void **state) {
  (void)state;
  char names[SESSIONS_MAX][32];
  struct session_groups groups = {0};
  for (int round = 0; round < 100; round++) {
    struct scene scene = {.groups = groups};
    for (int i = 0; i < SESSIONS_MAX; i++) {
      (void)snprintf(names[i], sizeof(names[i]), "%d",
                     round * SESSIONS_MAX + i);
      add_session(&scene, "trading", "app", names[i]);
    }
    build_groups(&scene);
    assert_int_equal(scene.groups.len, SESSIONS_MAX);
    groups = scene.groups;
  }
  session_groups_fini(&groups);
}

static void survives_endless_names(void **state) {
  (void)state;
  static char name[100000];
  memset(name, 'x', sizeof(name) - 1);
  struct scene scene = {.sessions_len = 0};
  add_session(&scene, name, name, name);
  add_session(&scene, "trading", "app", "api");
  build_groups(&scene);
  select_pool(&scene, "trading", NULL, NULL);
  assert_int_equal(scene.selected_len, 1);
  session_groups_fini(&scene.groups);
}

static void survives_without_memory(void **state) {
  (void)state;
  char names[40][32];
  bool has_failed = true;
  for (size_t allocations = 0; has_failed; allocations++) {
    struct scene scene = {.sessions_len = 0};
    for (int i = 0; i < 40; i++) {
      (void)snprintf(names[i], sizeof(names[i]), "%d", i);
      add_session(&scene, "trading", "app", names[i]);
    }
    failing_after(allocations);
    (void)session_groups_build(&scene.groups, scene.sessions,
                               scene.sessions_len, OWN_PID);
    has_failed = failing_stop();
    session_groups_fini(&scene.groups);
  }
}

/* ---- what the server's limits leave a pool ---- */

static void finds_the_nearest_limit(void **state) {
  (void)state;
  struct postgresql_limit databases[] = {
      {.name = "trading", .connection_limit = 50},
      {.name = "billing", .connection_limit = 1},
      {.name = "other", .connection_limit = -1}};
  struct postgresql_limit roles[] = {{.name = "app", .connection_limit = 12},
                                     {.name = "batch", .connection_limit = 2}};
  struct postgresql_stats stats = {.connection_limit = 97,
                                   .sessions = {.len = 20},
                                   .databases = {.items = databases, .len = 3},
                                   .roles = {.items = roles, .len = 2}};
  struct scene scene = {.sessions_len = 0};
  for (int i = 0; i < 10; i++) {
    add_session(&scene, "trading", "app", "api");
    add_session(&scene, "trading", "web", "web");
  }
  add_session(&scene, "billing", "web", "not of the pool");
  build_groups(&scene);
  select_pool(&scene, "trading", NULL, NULL);
  struct pool_headroom headroom =
      postgresql_compute_headroom(&stats, &scene.groups);
  assert_int_equal(headroom.server, 77);
  assert_int_equal(headroom.database, 30);
  assert_int_equal(headroom.role, 2);
  assert_int_equal(pool_headroom_nearest(&headroom), 2);
  add_session(&scene, "trading", "batch", "a");
  add_session(&scene, "trading", "batch", "b");
  add_session(&scene, "trading", "batch", "b"); /* a superuser's */
  build_groups(&scene);
  select_pool(&scene, "trading", NULL, NULL);
  headroom = postgresql_compute_headroom(&stats, &scene.groups);
  assert_int_equal(headroom.role, 0);
  select_pool(&scene, "trading", app, NULL); /* has no session of batch */
  headroom = postgresql_compute_headroom(&stats, &scene.groups);
  assert_int_equal(headroom.role, 2);
  session_groups_fini(&scene.groups);
}

static void knows_when_there_is_no_limit(void **state) {
  (void)state;
  const struct postgresql_stats stats = {.connection_limit = 97,
                                         .sessions = {.len = 120}};
  const struct session_groups groups = {0};
  const struct pool_headroom headroom =
      postgresql_compute_headroom(&stats, &groups);
  assert_int_equal(headroom.server, 0);
  assert_true(headroom.database == POOL_HEADROOM_UNLIMITED);
  assert_true(headroom.role == POOL_HEADROOM_UNLIMITED);
  assert_int_equal(pool_headroom_nearest(&headroom), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(selects_the_sessions_of_a_pool),
      cmocka_unit_test(leaves_out_our_own_session),
      cmocka_unit_test(makes_one_group_of_equal_names),
      cmocka_unit_test(forgets_the_names_of_earlier_reads),
      cmocka_unit_test(survives_endless_names),
      cmocka_unit_test(survives_without_memory),
      cmocka_unit_test(finds_the_nearest_limit),
      cmocka_unit_test(knows_when_there_is_no_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

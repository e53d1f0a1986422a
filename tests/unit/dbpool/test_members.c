/* SPDX-License-Identifier: MIT */
/* members, headroom: which pools a session is of, and what is left for them. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "dbpool/headroom.h"
#include "dbpool/members.h"
#include "support/failing.h"

static int asked; /* how often a pattern was looked at */

/* Pool 0 is all of "trading", pool 1 all of role "app". */
static bool matches(void *context, size_t pool, const struct session *session) {
  (void)context;
  asked++;
  return pool == 0 ? strcmp(session->database, "trading") == 0
                   : strcmp(session->role, "app") == 0;
}

static struct member_group *add(struct members *members, const char *database,
                                const char *role, const char *application) {
  const struct session session = {
      .database = database, .role = role, .application = application};
  return members_add(members, &session);
}

static void sorts_sessions_into_pools(void **state) {
  (void)state;
  struct members members = {.pools_len = 2, .matches = matches};
  members_begin(&members);
  struct member_group *group = add(&members, "trading", "app", "api");
  assert_int_equal(group->pools_len, 2);
  assert_ptr_equal(add(&members, "trading", "app", "api"), group);
  assert_int_equal(group->sessions, 2);
  group = add(&members, "trading", "app", "");
  assert_int_equal(group->sessions, 1);
  group = add(&members, "trading", "batch", "api");
  assert_int_equal(group->pools_len, 1);
  assert_int_equal(group->pools[0], 0);
  group = add(&members, "billing", "app", "api");
  assert_int_equal(group->pools[0], 1);
  assert_int_equal(add(&members, "billing", "batch", "api")->pools_len, 0);
  members_fini(&members);
}

static void looks_at_patterns_once(void **state) {
  (void)state;
  struct members members = {.pools_len = 2, .matches = matches};
  asked = 0;
  for (int round = 0; round < 10; round++) {
    members_begin(&members);
    for (int i = 0; i < 100; i++) {
      assert_int_equal(add(&members, "trading", "app", "api")->sessions, i + 1);
    }
  }
  assert_int_equal(asked, 2);
  members_fini(&members);
  members_fini(NULL);
}

static void forgets_what_is_made_up(void **state) {
  (void)state;
  struct members members = {.pools_len = 2, .matches = matches};
  char name[32];
  for (int round = 0; round < 100; round++) {
    members_begin(&members);
    for (int i = 0; i < 200; i++) {
      (void)snprintf(name, sizeof(name), "%d", round * 200 + i);
      assert_non_null(add(&members, "trading", "app", name));
    }
    assert_in_range(members.len, 200, 1300);
  }
  members_fini(&members);
}

static void survives_without_memory(void **state) {
  (void)state;
  bool has_failed = true;
  for (size_t allocations = 0; has_failed; allocations++) {
    struct members members = {.pools_len = 2, .matches = matches};
    char name[32];
    failing_after(allocations);
    members_begin(&members);
    for (int i = 0; i < 40; i++) {
      (void)snprintf(name, sizeof(name), "%d", i);
      (void)add(&members, "trading", "app", name);
    }
    has_failed = failing_stop();
    members_fini(&members);
  }
}

static void finds_the_nearest_limit(void **state) {
  (void)state;
  struct postgresql_database databases[] = {
      {.name = "trading", .connection_limit = 50},
      {.name = "billing", .connection_limit = 1},
      {.name = "other", .connection_limit = -1}};
  struct postgresql_role roles[] = {{.name = "app", .connection_limit = 12},
                                    {.name = "batch", .connection_limit = 2}};
  struct postgresql_view view = {.connection_limit = 97,
                                 .sessions_len = 20,
                                 .databases = databases,
                                 .databases_len = 3,
                                 .roles = roles,
                                 .roles_len = 2};
  struct members members = {.pools_len = 2, .matches = matches};
  for (int i = 0; i < 10; i++) {
    (void)add(&members, "trading", "app", "api");
    (void)add(&members, "trading", "web", "web");
  }
  (void)add(&members, "billing", "web", "not of pool 0");
  struct headroom headroom = headroom_find(&view, &members, 0);
  assert_int_equal(headroom.server, 77);
  assert_int_equal(headroom.database, 30);
  assert_int_equal(headroom.role, 2);
  assert_int_equal(headroom_nearest(&headroom), 2);
  (void)add(&members, "trading", "batch", "a");
  (void)add(&members, "trading", "batch", "b");
  (void)add(&members, "trading", "batch", "b"); /* a superuser's */
  headroom = headroom_find(&view, &members, 0);
  assert_int_equal(headroom.role, 0);
  headroom = headroom_find(&view, &members, 1); /* has no batch */
  assert_int_equal(headroom.role, 2);
  members_fini(&members);
}

static void knows_when_there_is_no_limit(void **state) {
  (void)state;
  struct postgresql_view view = {.connection_limit = 97, .sessions_len = 120};
  struct members members = {.pools_len = 1, .matches = matches};
  struct headroom headroom = headroom_find(&view, &members, 0);
  assert_int_equal(headroom.server, 0);
  assert_true(headroom.database == HEADROOM_UNLIMITED);
  assert_true(headroom.role == HEADROOM_UNLIMITED);
  assert_int_equal(headroom_nearest(&headroom), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sorts_sessions_into_pools),
      cmocka_unit_test(looks_at_patterns_once),
      cmocka_unit_test(forgets_what_is_made_up),
      cmocka_unit_test(survives_without_memory),
      cmocka_unit_test(finds_the_nearest_limit),
      cmocka_unit_test(knows_when_there_is_no_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

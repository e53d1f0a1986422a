/* SPDX-License-Identifier: MIT */
/* leak: the three rules on made-up reads, one second apart. */
#include "unit.h"

#include "dbpool/leak.h"

#define SECOND INT64_C(1000000)
#define SESSIONS_MAX 32

/* A pool whose clock the test turns. */
struct scene {
  struct leak_tracker tracker;
  struct leak_search limits; /* after_us, max_idle, is_fifo */
  int64_t now_us;
  struct pool_session sessions[SESSIONS_MAX];
  size_t sessions_len;
  struct leak leaks[SESSIONS_MAX];
  size_t leaks_len;
};

static struct scene scene_of(size_t len, struct leak_search limits) {
  struct scene scene = {
      .limits = limits, .now_us = 1000 * SECOND, .sessions_len = len};
  for (size_t i = 0; i < len; i++) {
    scene.sessions[i] = (struct pool_session){
        .pid = 100 - (int64_t)i,
        .backend_start_us = 900 * SECOND + (int64_t)i,
        .state_change_us = scene.now_us,
        .state = POOL_SESSION_IDLE,
        .query = "",
    };
  }
  return scene;
}

/* The session runs a statement now and is idle again. */
static void use(struct scene *scene, size_t i) {
  scene->sessions[i].state_change_us = scene->now_us;
}

static size_t find_leaks(struct scene *scene) {
  const struct pool_session *sessions[SESSIONS_MAX];
  for (size_t i = 0; i < scene->sessions_len; i++) {
    sessions[i] = &scene->sessions[i];
  }
  scene->now_us += SECOND;
  struct leak_search search = scene->limits;
  search.sessions = sessions;
  search.sessions_len = scene->sessions_len;
  search.now_us = scene->now_us;
  search.leaks = scene->leaks;
  assert_int_equal(leak_find(&scene->tracker, &search), 0);
  scene->leaks_len = search.leaks_len;
  return scene->leaks_len;
}

static const struct leak_search ten_seconds = {.after_us = 10 * SECOND,
                                               .max_idle = 4};
static const struct leak_search fifo = {
    .after_us = 10 * SECOND, .max_idle = 4, .is_fifo = true};

static void finds_forgotten_transactions(void **state) {
  (void)state;
  struct scene scene = scene_of(4, ten_seconds);
  scene.sessions[1].state = POOL_SESSION_IN_TRANSACTION;
  scene.sessions[2].state = POOL_SESSION_ABORTED;
  scene.sessions[3].state = POOL_SESSION_ACTIVE; /* busy, for however long */
  for (int i = 0; i < 10; i++) {
    assert_int_equal(find_leaks(&scene), 0);
  }
  assert_int_equal(find_leaks(&scene), 2);
  assert_int_equal(scene.leaks[0].rule, LEAK_IN_TRANSACTION);
  assert_int_equal(scene.leaks[0].session->pid, 99);
  assert_int_equal(scene.leaks[0].age_us, 11 * SECOND);
  use(&scene, 1); /* another statement in the same transaction */
  assert_int_equal(find_leaks(&scene), 1);
  leak_tracker_fini(&scene.tracker);
}

static void finds_the_surplus_of_idle_sessions(void **state) {
  (void)state;
  struct scene scene = scene_of(6, ten_seconds);
  scene.sessions[3].state_change_us -= SECOND; /* idle longest */
  for (int i = 0; i < 10; i++) {
    use(&scene, 0);
    assert_int_equal(find_leaks(&scene), 0);
  }
  /* Five are idle too long, the pool may keep four. */
  assert_int_equal(find_leaks(&scene), 1);
  assert_int_equal(scene.leaks[0].rule, LEAK_SURPLUS);
  assert_int_equal(scene.leaks[0].session->pid, 97);
  leak_tracker_fini(&scene.tracker);
}

static void finds_what_others_overtake(void **state) {
  (void)state;
  struct scene scene = scene_of(4, fifo);
  (void)find_leaks(&scene);
  int rounds = 0;
  while (find_leaks(&scene) == 0 && rounds++ < 100) {
    use(&scene, 1);
    use(&scene, 2);
    use(&scene, 3); /* number 0 is held without activity */
  }
  assert_in_range(rounds, 10, 16);
  assert_int_equal(scene.leaks[0].rule, LEAK_OVERTAKEN);
  assert_int_equal(scene.leaks[0].session->pid, 100);
  (void)find_leaks(&scene); /* none is used: it is still held */
  assert_int_equal(scene.leaks_len, 1);
  use(&scene, 0);
  assert_int_equal(find_leaks(&scene), 0);
  leak_tracker_fini(&scene.tracker);
}

static void does_not_suspect_a_pool_that_rotates(void **state) {
  (void)state;
  struct scene scene = scene_of(4, fifo);
  for (size_t i = 0; i < 200; i++) {
    assert_int_equal(find_leaks(&scene), 0);
    use(&scene, i % 4); /* the one idle longest: first in first out */
  }
  leak_tracker_fini(&scene.tracker);
}

static void does_not_suspect_a_pool_that_is_hardly_used(void **state) {
  (void)state;
  struct scene scene = scene_of(4, fifo);
  (void)find_leaks(&scene);
  use(&scene, 3); /* once out of turn: number 0 was returned unused after it */
  for (int i = 0; i < 1000; i++) {
    assert_int_equal(find_leaks(&scene), 0);
  }
  leak_tracker_fini(&scene.tracker);
}

static void does_not_mistake_a_new_session_for_an_old_one(void **state) {
  (void)state;
  struct scene scene = scene_of(2, fifo);
  for (int i = 0; i < 30; i++) {
    assert_int_equal(find_leaks(&scene), 0);
    use(&scene, 1);
    /* A process id comes back; the state changed at the same moment. */
    scene.sessions[0].backend_start_us++;
  }
  leak_tracker_fini(&scene.tracker);
}

static void counts_a_leak_once(void **state) {
  (void)state;
  struct scene scene = scene_of(6, fifo);
  for (int i = 0; i < 30; i++) {
    (void)find_leaks(&scene);
    use(&scene,
        1); /* 0, 2, 3, 4, 5 are idle, all overtaken: 5 leaks, not more */
  }
  assert_int_equal(scene.leaks_len, 5);
  leak_tracker_fini(&scene.tracker);
}

static void counts_what_is_overtaken_among_the_surplus(void **state) {
  (void)state;
  struct scene scene = scene_of(6, fifo);
  for (int i = 0; i < 30; i++) {
    (void)find_leaks(&scene);
    for (size_t j = 1; j < 6; j++) {
      use(&scene, j);
    }
  }
  assert_int_equal(scene.leaks_len, 1);
  for (int i = 0; i < 12; i++) {
    (void)find_leaks(&scene);
  }
  /* Six are idle too long, the pool may keep four, one of the two is known. */
  assert_int_equal(scene.leaks_len, 2);
  assert_int_equal(scene.leaks[0].rule, LEAK_OVERTAKEN);
  assert_int_equal(scene.leaks[1].rule, LEAK_SURPLUS);
  leak_tracker_fini(&scene.tracker);
}

static void accepts_an_empty_pool(void **state) {
  (void)state;
  struct scene scene = scene_of(0, fifo);
  assert_int_equal(find_leaks(&scene), 0);
  leak_tracker_fini(&scene.tracker);
  leak_tracker_fini(NULL);
}

/* A session that waits for notifications is idle as long as it lives. */
static void does_not_suspect_a_listener(void **state) {
  (void)state;
  static const struct {
    const char *query;
    size_t leaks;
  } cases[] = {{"LISTEN jobs", 0}, {"listen \"jobs\"", 0}, {"LISTENERS", 2}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct scene scene = scene_of(6, ten_seconds);
    scene.now_us += 60 * SECOND;
    for (size_t j = 2; j < 6; j++) {
      use(&scene, j);
    }
    scene.limits.max_idle = 0;
    scene.sessions[0].query = cases[i].query;
    scene.sessions[1].query = cases[i].query;
    assert_int_equal(find_leaks(&scene), cases[i].leaks);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_forgotten_transactions),
      cmocka_unit_test(finds_the_surplus_of_idle_sessions),
      cmocka_unit_test(finds_what_others_overtake),
      cmocka_unit_test(does_not_suspect_a_pool_that_rotates),
      cmocka_unit_test(does_not_suspect_a_pool_that_is_hardly_used),
      cmocka_unit_test(does_not_mistake_a_new_session_for_an_old_one),
      cmocka_unit_test(counts_a_leak_once),
      cmocka_unit_test(counts_what_is_overtaken_among_the_surplus),
      cmocka_unit_test(accepts_an_empty_pool),
      cmocka_unit_test(does_not_suspect_a_listener),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

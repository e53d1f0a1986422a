/* SPDX-License-Identifier: MIT */
/* leak: the three rules on made-up rounds, one second apart. */
#include "unit.h"

#include "dbpool/leak.h"

#define SECOND INT64_C(1000000)
#define SESSIONS_MAX 32

/* A pool whose clock the test turns. */
struct scene {
  struct leak_watch watch;
  struct leak_limits limits;
  int64_t now_us;
  struct session sessions[SESSIONS_MAX];
  size_t sessions_len;
  struct leak leaks[SESSIONS_MAX];
  size_t leaks_len;
};

static struct scene scene_of(size_t len, struct leak_limits limits) {
  struct scene scene = {
      .limits = limits, .now_us = 1000 * SECOND, .sessions_len = len};
  for (size_t i = 0; i < len; i++) {
    scene.sessions[i] = (struct session){
        .pid = 100 - (int64_t)i,
        .backend_start_us = 900 * SECOND + (int64_t)i,
        .state_change_us = scene.now_us,
        .state = SESSION_IDLE,
    };
  }
  return scene;
}

/* The session answers a statement now and rests again. */
static void use(struct scene *scene, size_t i) {
  scene->sessions[i].state_change_us = scene->now_us;
}

static size_t look(struct scene *scene) {
  const struct session *sessions[SESSIONS_MAX];
  for (size_t i = 0; i < scene->sessions_len; i++) {
    sessions[i] = &scene->sessions[i];
  }
  scene->now_us += SECOND;
  assert_int_equal(leak_find(&scene->watch, sessions, scene->sessions_len,
                             scene->now_us, &scene->limits, scene->leaks,
                             &scene->leaks_len),
                   0);
  return scene->leaks_len;
}

static const struct leak_limits ten_seconds = {.after_us = 10 * SECOND,
                                               .kept = 4};
static const struct leak_limits fifo = {
    .after_us = 10 * SECOND, .kept = 4, .is_fifo = true};

static void finds_forgotten_transactions(void **state) {
  (void)state;
  struct scene scene = scene_of(4, ten_seconds);
  scene.sessions[1].state = SESSION_IN_TRANSACTION;
  scene.sessions[2].state = SESSION_ABORTED;
  scene.sessions[3].state = SESSION_ACTIVE; /* works, however long */
  for (int i = 0; i < 10; i++) {
    assert_int_equal(look(&scene), 0);
  }
  assert_int_equal(look(&scene), 2);
  assert_int_equal(scene.leaks[0].rule, LEAK_IN_TRANSACTION);
  assert_int_equal(scene.leaks[0].session->pid, 99);
  assert_int_equal(scene.leaks[0].age_us, 11 * SECOND);
  use(&scene, 1); /* another statement in the same transaction */
  assert_int_equal(look(&scene), 1);
  leak_watch_fini(&scene.watch);
}

static void finds_the_surplus_of_what_rests(void **state) {
  (void)state;
  struct scene scene = scene_of(6, ten_seconds);
  scene.sessions[3].state_change_us -= SECOND; /* the quietest */
  for (int i = 0; i < 10; i++) {
    use(&scene, 0);
    assert_int_equal(look(&scene), 0);
  }
  /* Five rest too long, four may lie in the pool. */
  assert_int_equal(look(&scene), 1);
  assert_int_equal(scene.leaks[0].rule, LEAK_SURPLUS);
  assert_int_equal(scene.leaks[0].session->pid, 97);
  leak_watch_fini(&scene.watch);
}

static void finds_what_others_overtake(void **state) {
  (void)state;
  struct scene scene = scene_of(4, fifo);
  (void)look(&scene);
  int rounds = 0;
  while (look(&scene) == 0 && rounds++ < 100) {
    use(&scene, 1);
    use(&scene, 2);
    use(&scene, 3); /* number 0 is held in silence */
  }
  assert_in_range(rounds, 10, 16);
  assert_int_equal(scene.leaks[0].rule, LEAK_OVERTAKEN);
  assert_int_equal(scene.leaks[0].session->pid, 100);
  (void)look(&scene); /* nobody works: it is still held */
  assert_int_equal(scene.leaks_len, 1);
  use(&scene, 0);
  assert_int_equal(look(&scene), 0);
  leak_watch_fini(&scene.watch);
}

static void does_not_suspect_a_pool_that_rotates(void **state) {
  (void)state;
  struct scene scene = scene_of(4, fifo);
  for (size_t i = 0; i < 200; i++) {
    assert_int_equal(look(&scene), 0);
    use(&scene, i % 4); /* the one that rests longest: first in first out */
  }
  leak_watch_fini(&scene.watch);
}

static void does_not_suspect_a_pool_that_hardly_works(void **state) {
  (void)state;
  struct scene scene = scene_of(4, fifo);
  (void)look(&scene);
  use(&scene, 3); /* once out of turn: number 0 came back in silence after it */
  for (int i = 0; i < 1000; i++) {
    assert_int_equal(look(&scene), 0);
  }
  leak_watch_fini(&scene.watch);
}

static void does_not_mistake_a_new_session_for_an_old_one(void **state) {
  (void)state;
  struct scene scene = scene_of(2, fifo);
  for (int i = 0; i < 30; i++) {
    assert_int_equal(look(&scene), 0);
    use(&scene, 1);
    /* A process id comes back; the state changed at the same moment. */
    scene.sessions[0].backend_start_us++;
  }
  leak_watch_fini(&scene.watch);
}

static void counts_a_leak_once(void **state) {
  (void)state;
  struct scene scene = scene_of(6, fifo);
  for (int i = 0; i < 30; i++) {
    (void)look(&scene);
    use(&scene, 1); /* 0, 2, 3, 4, 5 rest, all overtaken: 5 leaks, not more */
  }
  assert_int_equal(scene.leaks_len, 5);
  leak_watch_fini(&scene.watch);
}

static void counts_what_is_overtaken_among_the_surplus(void **state) {
  (void)state;
  struct scene scene = scene_of(6, fifo);
  for (int i = 0; i < 30; i++) {
    (void)look(&scene);
    for (size_t j = 1; j < 6; j++) {
      use(&scene, j);
    }
  }
  assert_int_equal(scene.leaks_len, 1);
  for (int i = 0; i < 12; i++) {
    (void)look(&scene);
  }
  /* Six rest too long, four may lie in the pool, one of the two is known. */
  assert_int_equal(scene.leaks_len, 2);
  assert_int_equal(scene.leaks[0].rule, LEAK_OVERTAKEN);
  assert_int_equal(scene.leaks[1].rule, LEAK_SURPLUS);
  leak_watch_fini(&scene.watch);
}

static void takes_an_empty_pool(void **state) {
  (void)state;
  struct scene scene = scene_of(0, fifo);
  assert_int_equal(look(&scene), 0);
  leak_watch_fini(&scene.watch);
  leak_watch_fini(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_forgotten_transactions),
      cmocka_unit_test(finds_the_surplus_of_what_rests),
      cmocka_unit_test(finds_what_others_overtake),
      cmocka_unit_test(does_not_suspect_a_pool_that_rotates),
      cmocka_unit_test(does_not_suspect_a_pool_that_hardly_works),
      cmocka_unit_test(does_not_mistake_a_new_session_for_an_old_one),
      cmocka_unit_test(counts_a_leak_once),
      cmocka_unit_test(counts_what_is_overtaken_among_the_surplus),
      cmocka_unit_test(takes_an_empty_pool),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

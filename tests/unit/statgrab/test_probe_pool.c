/* SPDX-License-Identifier: MIT */
/* probe_pool: a call that does not return delays only itself. */
#include "statgrab/probe_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/clock.h"
#include "unit.h"

/* A subject that answers only while the gate is open. */
struct gate {
  pthread_mutex_t lock;
  pthread_cond_t opened;
  bool is_open;
  unsigned waiting;
  unsigned freed;
};

static struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER,
                           .opened = PTHREAD_COND_INITIALIZER};

struct subject {
  bool is_gated;
  int answer;
};

static int ask(void *context) {
  struct subject *subject = context;
  (void)pthread_mutex_lock(&gate.lock);
  gate.waiting += subject->is_gated;
  while (subject->is_gated && !gate.is_open) {
    (void)pthread_cond_wait(&gate.opened, &gate.lock);
  }
  gate.waiting -= subject->is_gated;
  (void)pthread_mutex_unlock(&gate.lock);
  return subject->answer;
}

static void free_subject(void *context) {
  (void)pthread_mutex_lock(&gate.lock);
  gate.freed++;
  (void)pthread_mutex_unlock(&gate.lock);
  free(context);
}

static void set_gate(bool is_open) {
  (void)pthread_mutex_lock(&gate.lock);
  gate.is_open = is_open;
  (void)pthread_cond_broadcast(&gate.opened);
  (void)pthread_mutex_unlock(&gate.lock);
}

static unsigned waiting_now(void) {
  (void)pthread_mutex_lock(&gate.lock);
  unsigned waiting = gate.waiting;
  (void)pthread_mutex_unlock(&gate.lock);
  return waiting;
}

static unsigned freed_now(void) {
  (void)pthread_mutex_lock(&gate.lock);
  unsigned freed = gate.freed;
  (void)pthread_mutex_unlock(&gate.lock);
  return freed;
}

static struct probe_pool_probe *make(struct probe_pool *pool, bool is_gated,
                                     int answer) {
  struct subject *subject = malloc(sizeof(*subject));
  assert_non_null(subject);
  *subject = (struct subject){is_gated, answer};
  struct probe_pool_probe *probe = probe_pool_add(
      pool, (struct probe_pool_subject){ask, free_subject, is_gated, subject});
  assert_non_null(probe);
  return probe;
}

static struct probe_pool *open_pool(void) {
  struct probe_pool *pool = NULL;
  (void)pthread_mutex_lock(&gate.lock);
  gate.is_open = false;
  gate.freed = 0;
  (void)pthread_mutex_unlock(&gate.lock);
  assert_int_equal(probe_pool_new(&pool), 0);
  return pool;
}

/* Asks until the probe has answered. */
static int await(struct probe_pool *pool, struct probe_pool_probe *probe) {
  int64_t deadline_ms = clock_monotonic_ms() + 10000;
  int code = -EINPROGRESS;
  while (code == -EINPROGRESS && clock_monotonic_ms() < deadline_ms) {
    assert_int_equal(probe_pool_run_and_wait(pool, clock_monotonic_ms() + 20),
                     0);
    code = probe_pool_take_result(pool, probe, NULL);
  }
  return code;
}

static void returns_results(void **state) {
  (void)state;
  enum { MANY = 1000 };
  struct probe_pool *pool = open_pool();
  struct probe_pool_probe *probes[MANY];
  for (int i = 0; i < MANY; i++) {
    probes[i] = make(pool, false, -i);
  }
  for (int round = 0; round < 3; round++) {
    assert_int_equal(
        probe_pool_run_and_wait(pool, clock_monotonic_ms() + 10000), 0);
    for (int i = 0; i < MANY; i++) {
      assert_int_equal(probe_pool_take_result(pool, probes[i], NULL), -i);
    }
  }
  for (int i = 0; i < MANY; i++) {
    probe_pool_drop(pool, probes[i]);
  }
  assert_int_equal(probe_pool_stop(pool, clock_monotonic_ms() + 10000), 0);
  assert_int_equal(freed_now(), MANY);
}

static void works_around_what_hangs(void **state) {
  (void)state;
  struct probe_pool *pool = open_pool();
  struct probe_pool_probe *probes[] = {
      make(pool, true, 5), make(pool, false, 6), make(pool, true, 7),
      make(pool, false, 8)};
  int64_t since_ms = 0;
  assert_int_equal(probe_pool_run_and_wait(pool, clock_monotonic_ms() + 1000),
                   0);
  assert_int_equal(probe_pool_take_result(pool, probes[0], &since_ms),
                   -EINPROGRESS);
  assert_true(since_ms > 0 && since_ms <= clock_monotonic_ms());
  assert_int_equal(probe_pool_take_result(pool, probes[1], NULL), 6);
  assert_int_equal(probe_pool_take_result(pool, probes[2], NULL), -EINPROGRESS);
  assert_int_equal(probe_pool_take_result(pool, probes[3], NULL), 8);
  /* the next round does not wait for them again */
  int64_t before_ms = clock_monotonic_ms();
  assert_int_equal(probe_pool_run_and_wait(pool, before_ms + 60000), 0);
  assert_true(clock_monotonic_ms() - before_ms < 30000);
  assert_int_equal(probe_pool_take_result(pool, probes[1], NULL), 6);
  set_gate(true);
  assert_int_equal(await(pool, probes[0]), 5);
  assert_int_equal(await(pool, probes[2]), 7);
  for (size_t i = 0; i < 4; i++) {
    probe_pool_drop(pool, probes[i]);
  }
  assert_int_equal(probe_pool_stop(pool, clock_monotonic_ms() + 10000), 0);
  assert_int_equal(freed_now(), 4);
}

/* More hang than there may be workers: those beyond wait for their turn, and
 * what cannot hang is asked all the same. */
static void bounds_its_threads(void **state) {
  (void)state;
  enum { MANY = PROBE_POOL_WORKERS_MAX + 4 };
  struct probe_pool *pool = open_pool();
  struct probe_pool_probe *probes[MANY];
  for (int i = 0; i < MANY; i++) {
    probes[i] = make(pool, i > 0, 1);
  }
  for (int round = 0; round < MANY; round++) {
    assert_int_equal(probe_pool_run_and_wait(pool, clock_monotonic_ms() + 300),
                     0);
    assert_int_equal(await(pool, probes[0]), 1);
  }
  assert_int_equal(waiting_now(), PROBE_POOL_WORKERS_MAX - 1);
  probe_pool_drop(pool, probes[MANY - 1]); /* queued */
  probe_pool_drop(pool, probes[1]);        /* running */
  set_gate(true);
  for (int i = 2; i < MANY - 1; i++) {
    assert_int_equal(await(pool, probes[i]), 1);
    probe_pool_drop(pool, probes[i]);
  }
  probe_pool_drop(pool, probes[0]);
  assert_int_equal(probe_pool_stop(pool, clock_monotonic_ms() + 10000), 0);
  assert_int_equal(freed_now(), MANY);
}

/* The end does not wait; the thread that is left behind cleans up. */
static void abandons_what_hangs(void **state) {
  (void)state;
  struct probe_pool *pool = open_pool();
  struct probe_pool_probe *probe = make(pool, true, 0);
  int64_t begun_ms = clock_monotonic_ms();
  assert_int_equal(probe_pool_run_and_wait(pool, begun_ms + 10), 0);
  while (waiting_now() == 0 && clock_monotonic_ms() < begun_ms + 10000) {
  }
  probe_pool_drop(pool, probe);
  assert_int_equal(probe_pool_stop(pool, clock_monotonic_ms() + 10), 1);
  assert_int_equal(freed_now(), 0);
  set_gate(true);
  int64_t deadline_ms = clock_monotonic_ms() + 10000;
  while (freed_now() == 0 && clock_monotonic_ms() < deadline_ms) {
  }
  assert_int_equal(freed_now(), 1);
}

static void ends_without_a_run(void **state) {
  (void)state;
  struct probe_pool *pool = open_pool();
  probe_pool_drop(pool, make(pool, false, 0));
  probe_pool_drop(pool, NULL);
  assert_int_equal(probe_pool_stop(pool, 0), 0);
  assert_int_equal(probe_pool_stop(NULL, 0), 0);
  assert_int_equal(freed_now(), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(returns_results),
      cmocka_unit_test(works_around_what_hangs),
      cmocka_unit_test(bounds_its_threads),
      cmocka_unit_test(abandons_what_hangs),
      cmocka_unit_test(ends_without_a_run),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

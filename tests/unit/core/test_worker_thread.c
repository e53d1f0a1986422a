/* SPDX-License-Identifier: MIT */
/* thread: signals go to whom they are for. */
#include "unit.h"

#include <pthread.h>
#include <signal.h>

#include "core/worker_thread.h"

static void *look_at_mask(void *mask) {
  (void)pthread_sigmask(SIG_BLOCK, NULL, mask);
  return NULL;
}

static void a_thread_takes_no_signals(void **state) {
  (void)state;
  pthread_t thread;
  sigset_t its, own;
  assert_int_equal(thread_start(&thread, NULL, look_at_mask, &its), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  (void)look_at_mask(&own);
  static const int signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGCHLD};
  for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
    assert_int_equal(sigismember(&its, signals[i]), 1);
    assert_int_equal(sigismember(&own, signals[i]), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_thread_takes_no_signals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

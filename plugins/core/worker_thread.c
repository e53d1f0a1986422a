/* SPDX-License-Identifier: MIT */
/* worker_thread: threads that take no signals. */
#include "core/worker_thread.h"

void thread_hold_signals(sigset_t *ret_before) {
  sigset_t all;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, ret_before);
}

void thread_release_signals(const sigset_t *before) {
  (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

int thread_start(pthread_t *ret_thread, const pthread_attr_t *attributes,
                 void *(*run)(void *), void *argument) {
  sigset_t before;
  thread_hold_signals(&before);
  int code = pthread_create(ret_thread, attributes, run, argument);
  thread_release_signals(&before);
  return -code;
}

/* SPDX-License-Identifier: MIT */
/* worker_thread: threads that take no signals. Those are the daemon's, whose
 * main thread sleeps until one comes to it: were SIGTERM taken by another
 * thread, the daemon would end an interval later, after a clock that was set
 * back even by so much. */
#ifndef CORE_WORKER_THREAD_H
#define CORE_WORKER_THREAD_H

#include <pthread.h>
#include <signal.h>

/* As pthread_create(3); returns 0 or a negative errno. */
int thread_start(pthread_t *ret_thread, const pthread_attr_t *attributes,
                 void *(*run)(void *), void *argument);

/* Around what makes a thread in a library: keeps signals from the calling
 * thread, and so from that one; then as it was before. */
void thread_hold_signals(sigset_t *ret_before);
void thread_release_signals(const sigset_t *before);

#endif

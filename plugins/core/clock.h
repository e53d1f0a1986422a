/* SPDX-License-Identifier: MIT */
/* clock: the monotonic clock, for everything that waits. Pure logic takes
 * its time as an argument instead and never includes this. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t clock_monotonic_ms(void);

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t clock_monotonic_ns(void);

/* What is left until deadline_ms, for poll(2): 0 once it has passed. */
int clock_left_ms(int64_t deadline_ms);

/* A condition whose waits end by CLOCK_MONOTONIC. */
void clock_cond_init(pthread_cond_t *condition);

/* Waits, with LOCK held, for such a condition until deadline_ms (of
 * clock_monotonic_ms()). Returns false once that has passed. As with
 * pthread_cond_wait(3), look at what is waited for in a loop. */
bool clock_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                     int64_t deadline_ms);

/* Waits until FD is ready for EVENTS, of poll(), or has failed. Once
 * deadline_ms (monotonic) has passed, a ready descriptor does not count either:
 * a peer that never stops sending must not hold the caller. cancel_fd: ends the
 * wait when it becomes readable; -1: nothing does.
 * Returns 0; -ETIMEDOUT; -ECANCELED; another negative errno of poll(). */
int clock_wait_fd(int fd, short events, int cancel_fd, int64_t deadline_ms);

/* SPDX-License-Identifier: MIT */
/* deadline: the monotonic clock, for everything that waits. Pure logic takes
 * its time as an argument instead and never includes this. */
#ifndef CORE_DEADLINE_H
#define CORE_DEADLINE_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t monotonic_ms(void);

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t monotonic_ns(void);

/* What is left until deadline_ms, for poll(2): 0 once it has passed. */
int deadline_left_ms(int64_t deadline_ms);

/* What CLOCK_MONOTONIC shows WAIT_MS from now, for pthread_cond_timedwait(3).
 */
struct timespec deadline_after_ms(int wait_ms);

#endif

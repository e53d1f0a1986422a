/* SPDX-License-Identifier: MIT */
/* clock: the monotonic clock, for everything that waits. */
#include "core/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

_Static_assert(sizeof(time_t) >= 8,
               "times end in 2038: a C library that knows _TIME_BITS=64 is "
               "needed on a machine of 32 bits");

int64_t clock_monotonic_ns(void) {
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t clock_monotonic_ms(void) { return clock_monotonic_ns() / 1000000; }

int clock_left_ms(int64_t deadline_ms) {
  int64_t left = deadline_ms - clock_monotonic_ms();
  if (left <= 0) {
    return 0;
  }
  return left > INT_MAX ? INT_MAX : (int)left;
}

void clock_cond_init(pthread_cond_t *condition) {
  pthread_condattr_t monotonic;
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  (void)pthread_cond_init(condition, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
}

bool clock_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                     int64_t deadline_ms) {
  struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000),
                           .tv_nsec = (long)(deadline_ms % 1000) * 1000000};
  return pthread_cond_timedwait(condition, lock, &until) != ETIMEDOUT;
}

int clock_wait_fd(int fd, short events, int cancel_fd, int64_t deadline_ms) {
  struct pollfd fds[] = {{.fd = fd, .events = events},
                         {.fd = cancel_fd, .events = POLLIN}};
  int ready;
  do {
    int left_ms = clock_left_ms(deadline_ms);
    if (left_ms == 0) {
      return -ETIMEDOUT;
    }
    ready = poll(fds, 2, left_ms);
  } while (ready == 0 || (ready < 0 && errno == EINTR));
  if (ready < 0) {
    return -errno;
  }
  return fds[1].revents != 0 ? -ECANCELED : 0;
}

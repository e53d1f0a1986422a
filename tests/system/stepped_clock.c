/* SPDX-License-Identifier: MIT */
/* stepped_clock: preloaded into a daemon, sets its wall clock off by what the
 * file STEPPED_CLOCK says, while it runs. Its monotonic clock goes on. Whoever
 * waits for a time of the wall clock notifications a step, as with the real
 * one. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define SLICE_NS                                                               \
  (NS_PER_S / 20) /* the longest time until a step is noticed                  \
                   */
/* Longer than any machine is up, earlier than any wall clock is set. */
#define WALL_FROM_S 1000000000

static const _Atomic int64_t *offset_s;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_file(void) {
  static const _Atomic int64_t none;
  const char *path = getenv("STEPPED_CLOCK");
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  void *mapped = mmap(NULL, sizeof(*offset_s), PROT_READ, MAP_SHARED, file, 0);
  offset_s = mapped == MAP_FAILED ? &none : mapped;
  if (file >= 0) {
    (void)close(file);
  }
}

int clock_gettime(clockid_t clock, struct timespec *ret) {
  int code = (int)syscall(SYS_clock_gettime, clock, ret);
  if (code == 0 &&
      (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    (void)pthread_once(&once, open_file);
    ret->tv_sec += atomic_load(offset_s);
  }
  return code;
}

time_t time(time_t *ret) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  if (ret != NULL) {
    *ret = now.tv_sec;
  }
  return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict unused) {
  (void)unused;
  struct timespec now;
  int code = clock_gettime(CLOCK_REALTIME, &now);
  *ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return code;
}

static int64_t now_ns(clockid_t clock) {
  struct timespec now;
  (void)clock_gettime(clock, &now);
  return now.tv_sec * NS_PER_S + now.tv_nsec;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition,
                           pthread_mutex_t *restrict lock,
                           const struct timespec *restrict until) {
  if (until->tv_sec < WALL_FROM_S) {
    return pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, until);
  }
  int64_t left_ns =
      until->tv_sec * NS_PER_S + until->tv_nsec - now_ns(CLOCK_REALTIME);
  bool is_last = left_ns <= SLICE_NS;
  int64_t slice_ns = now_ns(CLOCK_MONOTONIC) + (is_last ? left_ns : SLICE_NS);
  const struct timespec slice = {.tv_sec = slice_ns / NS_PER_S,
                                 .tv_nsec = slice_ns % NS_PER_S};
  int code = pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &slice);
  return code == ETIMEDOUT && !is_last ? 0 : code; /* woken for nothing */
}

/* SPDX-License-Identifier: MIT */
/* fd_wait: waits for a descriptor until an absolute deadline. */
#include "core/fd_wait.h"

#include <errno.h>
#include <poll.h>

#include "core/clock.h"

int fd_wait(int fd, short events, int cancel_fd, int64_t deadline_ms) {
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

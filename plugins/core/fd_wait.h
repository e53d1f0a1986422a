/* SPDX-License-Identifier: MIT */
/* fd_wait: waits for a descriptor until an absolute deadline. */
#pragma once

#include <stdint.h>

/* Waits until FD is ready for EVENTS, of poll(), or has failed. Once
 * deadline_ms (monotonic) has passed, a ready descriptor does not count either:
 * a peer that never stops sending must not hold the caller. cancel_fd: ends the
 * wait when it becomes readable; -1: nothing does.
 * Returns 0; -ETIMEDOUT; -ECANCELED; another negative errno of poll(). */
int fd_wait(int fd, short events, int cancel_fd, int64_t deadline_ms);

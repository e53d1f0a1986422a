/* SPDX-License-Identifier: MIT */
/* scale_room: how many replicas the server of a connection pool has room for.
 */
#pragma once

#include <math.h>
#include <stdint.h>

/* Returns how many more replicas fit beside those that are there, or -1 if that
 * is not known. left: connections that the server accepts; open: those that the
 * pool has; NaN: not known. What the present replicas may still open is theirs:
 * they need not have used it yet. connections: of one replica, at least 1. */
static inline int64_t scale_room_count(double left, double open,
                                       int64_t replicas, int64_t connections) {
  double unopened = (double)replicas * (double)connections - open;
  double room = unopened > 0 ? left - unopened : left;
  if (!isfinite(left) || !isfinite(open)) {
    return -1;
  }
  return room < (double)connections ? 0 : (int64_t)(room / (double)connections);
}

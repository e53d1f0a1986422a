/* SPDX-License-Identifier: MIT */
/* pool: what the sessions on a server prove about the pool that they are of. */
#include "dbpool/pool.h"

#include <math.h>

static int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

/* 0 for a time that is not told or, as clocks go, lies ahead. */
static int64_t age_us(int64_t since_us, int64_t now_us) {
  return since_us == 0 ? 0 : max_of(0, now_us - since_us);
}

int64_t pool_transaction_age_us(const struct session *session, int64_t now_us) {
  if (session->state == SESSION_IDLE || session->state == SESSION_HIDDEN) {
    return 0;
  }
  return age_us(session->xact_start_us != 0 ? session->xact_start_us
                                            : session->state_change_us,
                now_us);
}

void pool_count_add(struct pool_count *count, const struct session *session,
                    int64_t now_us) {
  switch (session->state) {
  case SESSION_ACTIVE:
    count->active++;
    break;
  case SESSION_IDLE:
    count->idle++;
    break;
  case SESSION_IN_TRANSACTION:
    count->in_transaction++;
    break;
  case SESSION_ABORTED:
    count->aborted++;
    break;
  case SESSION_HIDDEN:
    count->hidden++;
    break;
  }
  count->oldest_transaction_us = max_of(
      count->oldest_transaction_us, pool_transaction_age_us(session, now_us));
  count->oldest_session_us = max_of(count->oldest_session_us,
                                    age_us(session->backend_start_us, now_us));
  if (session->is_waiting) {
    count->waiting++;
    count->oldest_wait_us =
        max_of(count->oldest_wait_us, age_us(session->state_change_us, now_us));
  }
}

void pool_count_merge(struct pool_count *count,
                      const struct pool_count *other) {
  count->active += other->active;
  count->idle += other->idle;
  count->in_transaction += other->in_transaction;
  count->aborted += other->aborted;
  count->hidden += other->hidden;
  count->waiting += other->waiting;
  count->oldest_transaction_us =
      max_of(count->oldest_transaction_us, other->oldest_transaction_us);
  count->oldest_session_us =
      max_of(count->oldest_session_us, other->oldest_session_us);
  count->oldest_wait_us = max_of(count->oldest_wait_us, other->oldest_wait_us);
}

static int64_t capacity_of(const struct pool_shape *shape, int64_t total,
                           int64_t headroom) {
  if (shape->overflow >= 0) {
    return shape->processes * (shape->size + shape->overflow);
  }
  return headroom < 0 ? 0 : total + headroom;
}

struct pool_estimate pool_estimate(const struct pool_count *count,
                                   const struct pool_shape *shape,
                                   int64_t headroom) {
  int64_t busy = count->active + count->in_transaction + count->aborted;
  int64_t total = busy + count->idle + count->hidden;
  int64_t kept = shape->processes * shape->size;
  struct pool_estimate estimate = {
      .total = total,
      .checked_out = max_of(busy, total - kept),
      .capacity = capacity_of(shape, total, headroom),
      .percent_used = (double)NAN,
  };
  estimate.ready = max_of(kept, total) - estimate.checked_out;
  estimate.is_beyond = shape->overflow >= 0 && total > estimate.capacity;
  if (estimate.capacity > 0) {
    estimate.percent_used = fmin(100.0, 100.0 * (double)estimate.checked_out /
                                            (double)estimate.capacity);
  }
  return estimate;
}

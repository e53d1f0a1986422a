/* SPDX-License-Identifier: MIT */
/* pool: what the sessions on a server prove about the pool they belong to. */
#include "dbpool/pool.h"

#include <math.h>
#include <string.h>

const char *const pool_session_states[] = {
    [POOL_SESSION_ACTIVE] = "active",
    [POOL_SESSION_IDLE] = "idle",
    [POOL_SESSION_IN_TRANSACTION] = "idle in transaction",
    [POOL_SESSION_ABORTED] = "idle in transaction (aborted)",
    [POOL_SESSION_HIDDEN] = "hidden",
};

static int64_t greater_of(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t lesser_of(int64_t a, int64_t b) { return a < b ? a : b; }

/* 0 for a time that is unknown or, after a clock was set back, in the future.
 */
static int64_t compute_age_us(int64_t since_us, int64_t now_us) {
  return since_us == 0 ? 0 : greater_of(0, now_us - since_us);
}

/* 0 outside transactions. A failed transaction has no start: its age counts
 * from the failure. */
static int64_t compute_transaction_age_us(const struct pool_session *session,
                                          int64_t now_us) {
  if (session->state == POOL_SESSION_IDLE ||
      session->state == POOL_SESSION_HIDDEN) {
    return 0;
  }
  return compute_age_us(session->xact_start_us != 0 ? session->xact_start_us
                                                    : session->state_change_us,
                        now_us);
}

struct pool_count
pool_count_sessions(const struct pool_session *const *sessions, size_t len,
                    int64_t now_us) {
  struct pool_count count = {0};
  for (size_t i = 0; i < len; i++) {
    const struct pool_session *session = sessions[i];
    count.in_state[session->state]++;
    count.oldest_transaction_us =
        greater_of(count.oldest_transaction_us,
                   compute_transaction_age_us(session, now_us));
    count.oldest_session_us =
        greater_of(count.oldest_session_us,
                   compute_age_us(session->backend_start_us, now_us));
    if (session->is_waiting) {
      count.waiting++;
      count.oldest_wait_us =
          greater_of(count.oldest_wait_us,
                     compute_age_us(session->state_change_us, now_us));
    }
  }
  return count;
}

int64_t pool_max_idle(const struct pool_config *config) {
  return config->may_have_more_processes ? POOL_MAX_IDLE_UNKNOWN
                                         : config->processes * config->size;
}

int64_t pool_headroom_nearest(const struct pool_headroom *headroom) {
  return lesser_of(headroom->server,
                   lesser_of(headroom->database, headroom->role));
}

/* 0 where neither the pool nor the server has a known limit. */
static int64_t find_capacity(const struct pool_config *config, int64_t total,
                             int64_t headroom) {
  if (config->overflow >= 0) {
    return config->processes * (config->size + config->overflow);
  }
  return headroom < 0 ? 0 : total + headroom;
}

struct pool_estimate pool_estimate_use(const struct pool_count *count,
                                       const struct pool_config *config,
                                       int64_t headroom) {
  int64_t busy = count->in_state[POOL_SESSION_ACTIVE] +
                 count->in_state[POOL_SESSION_IN_TRANSACTION] +
                 count->in_state[POOL_SESSION_ABORTED];
  int64_t total = busy + count->in_state[POOL_SESSION_IDLE] +
                  count->in_state[POOL_SESSION_HIDDEN];
  struct pool_estimate estimate = {
      .total = total,
      .checked_out = greater_of(busy, total - pool_max_idle(config)),
      .capacity = find_capacity(config, total, headroom),
      .percent_used = (double)NAN,
  };
  estimate.ready = greater_of(config->processes * config->size, total) -
                   estimate.checked_out;
  estimate.exceeds_capacity =
      config->overflow >= 0 && total > estimate.capacity;
  if (estimate.capacity > 0) {
    estimate.percent_used = fmin(100.0, 100.0 * (double)estimate.checked_out /
                                            (double)estimate.capacity);
  }
  return estimate;
}

/* ---- when the pool will be exhausted ---- */

#define SLOTS_NEEDED 4 /* a third of the window */

/* One slot more than the window is kept, so that the closed ones span it. */
static bool is_first_slot_outdated(const struct pool_forecast *forecast,
                                   int64_t now_us) {
  return forecast->len > POOL_FORECAST_SLOTS ||
         (forecast->len > 0 &&
          now_us - forecast->slots[0].start_us >
              forecast->window_us + forecast->window_us / POOL_FORECAST_SLOTS);
}

/* Closes the open slot; drops those that the window has left behind. */
static void open_slot(struct pool_forecast *forecast, int64_t now_us,
                      double value) {
  while (is_first_slot_outdated(forecast, now_us)) {
    forecast->len--;
    memmove(forecast->slots, forecast->slots + 1,
            forecast->len * sizeof(forecast->slots[0]));
  }
  forecast->slots[forecast->len++] =
      (struct pool_forecast_slot){.start_us = now_us, .minimum = value};
}

void pool_forecast_add(struct pool_forecast *forecast, int64_t now_us,
                       double value) {
  int64_t since_us = now_us - forecast->last_us;
  if (since_us < 0 || since_us > forecast->window_us / 2) {
    forecast->len = 0;
  }
  forecast->last_us = now_us;
  struct pool_forecast_slot *open =
      forecast->len == 0 ? NULL : &forecast->slots[forecast->len - 1];
  if (open == NULL ||
      now_us - open->start_us >= forecast->window_us / POOL_FORECAST_SLOTS) {
    open_slot(forecast, now_us, value);
  } else {
    open->minimum = fmin(open->minimum, value);
  }
}

/* Least squares over the closed slots. x: seconds before the open slot began,
 * y: connections. */
double pool_forecast_exhaustion_s(const struct pool_forecast *forecast,
                                  double capacity) {
  if (forecast->len < SLOTS_NEEDED + 1 || !(capacity > 0)) {
    return (double)NAN;
  }
  const struct pool_forecast_slot *slots = forecast->slots;
  size_t len = forecast->len - 1; /* the open one is incomplete */
  int64_t now_us = slots[len].start_us;
  double mean_x = 0;
  double mean_y = 0;
  for (size_t i = 0; i < len; i++) {
    mean_x += (double)(slots[i].start_us - now_us) / 1e6 / (double)len;
    mean_y += slots[i].minimum / (double)len;
  }
  double slope = 0; /* connections a second */
  double spread = 0;
  for (size_t i = 0; i < len; i++) {
    double x = (double)(slots[i].start_us - now_us) / 1e6 - mean_x;
    slope += x * slots[i].minimum;
    spread += x * x;
  }
  slope /= spread;
  double seen_s = (double)(slots[len - 1].start_us - slots[0].start_us) / 1e6;
  if (!(slope * seen_s >= 1)) {
    return POOL_FORECAST_MAX_S;
  }
  double level = mean_y - slope * mean_x; /* of the line, now */
  return fmin(POOL_FORECAST_MAX_S, fmax(0, capacity - level) / slope);
}

/* SPDX-License-Identifier: MIT */
/* worker_orders: what a person tells a response to do. */
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "resource_alert/responses/worker_parts.h"

void worker_order(struct worker *worker, enum responses_order order) {
  unsigned bit = 1U << order;
  if (order <= RESPONSES_MODE_CONFIGURED) { /* the last of these counts */
    unsigned modes = (1U << (RESPONSES_MODE_CONFIGURED + 1)) - 1;
    unsigned waiting = atomic_load(&worker->orders);
    while (!atomic_compare_exchange_weak(&worker->orders, &waiting,
                                         (waiting & ~modes) | bit)) {
    }
  } else {
    atomic_fetch_or(&worker->orders, bit);
  }
  worker_wake(worker);
}

static enum action_mode mode_of(const struct worker *worker,
                                const struct worker_action *action) {
  int mode = worker->mode_order;
  if (mode < 0) {
    int plugin = worker->shared->deps->options->mode;
    int response = worker->options->mode;
    mode = plugin > response ? plugin : response;
  }
  int own = action->options->mode;
  return (enum action_mode)(mode > own ? mode : own);
}

void worker_set_modes(struct worker *worker) {
  int64_t now_ms = clock_monotonic_ms();
  for (size_t i = 0; i < worker->actions_len; i++) {
    struct worker_action *action = &worker->actions[i];
    enum action_mode mode = mode_of(worker, action);
    if (mode != action->mode) {
      action->mode = mode;
      response_renew(&worker->response, i, mode == ACTION_MODE_OFF,
                     action->kept, now_ms);
      if (action->driver->is_standing) {
        response_defer(&worker->response, i, 0, now_ms);
      }
    }
  }
}

static void take_mode(struct worker *worker, unsigned orders) {
  int before = worker->mode_order;
  for (int mode = ACTION_MODE_AUTO; mode <= ACTION_MODE_OFF; mode++) {
    if ((orders & (1U << (RESPONSES_MODE_AUTO + mode))) != 0) {
      worker->mode_order = mode;
    }
  }
  if ((orders & (1U << RESPONSES_MODE_CONFIGURED)) != 0) {
    worker->mode_order = -1;
  }
  if (worker->mode_order != before) {
    worker_set_modes(worker);
    worker_keep(worker);
  }
}

static void clear_latch(struct worker *worker) {
  char path[PATH_MAX];
  rate_limiter_reset(&worker->response.rate_limiter);
  if (worker_latch_path(worker, path)) {
    (void)unlink(path);
  }
  worker_keep(worker);
}

void worker_obey(struct worker *worker) {
  unsigned orders = atomic_exchange(&worker->orders, 0);
  if (orders == 0) {
    return;
  }
  take_mode(worker, orders);
  if ((orders & (1U << RESPONSES_CLEAR_LATCH)) != 0) {
    clear_latch(worker);
  }
  if ((orders & (1U << RESPONSES_RELEASE)) != 0) {
    worker_dismiss(worker);
  }
  if ((orders & (1U << RESPONSES_DRILL)) != 0) {
    (void)worker_drill(worker);
  }
}

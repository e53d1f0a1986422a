/* SPDX-License-Identifier: MIT */
/* response_worker: the thread that makes one response's wishes come true. */
#ifndef RESOURCE_ALERT_RESPONSES_RESPONSE_WORKER_H
#define RESOURCE_ALERT_RESPONSES_RESPONSE_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "resource_alert/responses/response_state_file.h"
#include "resource_alert/responses/responses.h"

struct worker;

/* What is known of a rule. */
struct rule_reading {
  _Atomic int worst;    /* enum alert_state */
  _Atomic double value; /* of its worst series; NaN: not known */
};

/* What all workers of a set share; borrowed, outlives them. */
struct worker_deps {
  const struct responses_deps *deps;
  struct response_state_file *states;
  const struct kubernetes_options *kubernetes;
  struct rule_reading *rules;
  int stop_fd; /* readable once all is to end */
};

/* The numbers that a response shows of itself. */
struct worker_counts {
  size_t level;       /* actions that are on */
  uint64_t done;      /* acts that were confirmed */
  uint64_t failed;    /* tries that failed */
  uint64_t held_back; /* acts that Mode off, the off file or the rate_limiter
                         kept from being done */
};

/* Makes the actions and goes on from the state file; starts no thread yet.
 * options: borrowed. *ret: yours, worker_free().
 * Returns 0 or negative errno. */
int worker_new(const struct worker_deps *shared,
               const struct response_options *options, struct worker **ret,
               struct error *error);

/* Starts the thread. Returns 0 or negative errno. */
int worker_start(struct worker *worker, struct error *error);

/* Tells the worker that a rule has changed. Any thread; never blocks. */
void worker_wake(struct worker *worker);

/* True if the response looks at this rule of the table. */
bool worker_watches(const struct worker *worker, size_t rule);

const char *worker_name(const struct worker *worker);
struct worker_counts worker_get_counts(struct worker *worker);

/* Puts "replicas" for each action that is about them. */
void worker_put_replicas(struct worker *worker, const struct sample_sink *sink);

/* Hands an order over. Any thread; never blocks. */
void worker_order(struct worker *worker, enum responses_order order);

/* One entry of responses_snapshot(). Yours, json_decref(). Any thread. */
json_t *worker_snapshot(struct worker *worker);

/* Waits for the thread, which ends when stop_fd becomes readable, until
 * deadline_s (CLOCK_REALTIME), and frees. Returns false if it hangs where
 * nothing can end it, in a resolver: then it is left behind with all it uses.
 * Accepts NULL. */
bool worker_free(struct worker *worker, int64_t deadline_s);

#endif

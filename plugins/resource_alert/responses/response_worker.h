/* SPDX-License-Identifier: MIT */
/* response_worker: the thread of one response. It waits for its rules, for what
 * is due and for commands, and has the actions attempted by their own threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "resource_alert/responses/response_state_file.h"
#include "resource_alert/responses/responses.h"
#include "resource_alert/responses/shared_rule.h"
#include "resource_alert/rules/condition.h"

struct response_worker;

/* What all workers share; borrowed, outlives them. */
struct response_worker_deps {
  const struct responses_deps *deps;
  struct condition_inputs *pools; /* see action_runner_deps */
  struct response_state_file *states;
  struct response_notifier *notifier;
  const struct kubernetes_options *kubernetes;
  const struct shared_rule *rules; /* by index */
  int stop_fd;                     /* readable once all is to end */
};

/* Makes the actions and restores what was saved; starts no thread yet.
 * options: borrowed. *ret: yours, response_worker_end().
 * Returns 0 or negative errno. */
int response_worker_new(const struct response_worker_deps *shared,
                        const struct response_options *options,
                        struct response_worker **ret, struct error *error);

/* Starts its thread and those of its actions. Returns 0 or negative errno. */
int response_worker_start(struct response_worker *worker, struct error *error);

/* A rule may have changed. Any thread; never blocks. */
void response_worker_wake(struct response_worker *worker);

/* True if the rule is in the response's When or Unless. */
bool response_worker_watches(const struct response_worker *worker, size_t rule);

const char *response_worker_name(const struct response_worker *worker);

/* Puts the response's own metrics. Any thread. */
void response_worker_publish(struct response_worker *worker,
                             const struct sample_sink *sink);

/* Hands a command over. Any thread; never blocks. */
void response_worker_queue_command(struct response_worker *worker,
                                   enum responses_command command);

/* What other threads may see. Borrowed. */
struct response_snapshot *
response_worker_snapshot(struct response_worker *worker);

/* Waits for the threads, which end when stop_fd becomes readable, until
 * deadline_ms (monotonic), saves and frees. Returns false if one hangs in a
 * name resolver, which cannot be interrupted: then the thread and all that it
 * uses are abandoned. Accepts NULL. */
bool response_worker_end(struct response_worker *worker, int64_t deadline_ms);

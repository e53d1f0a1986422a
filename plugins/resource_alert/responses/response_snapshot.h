/* SPDX-License-Identifier: MIT */
/* response_snapshot: what other threads see of a response. The response's
 * thread updates it after each step, so that a reader never waits for more than
 * a copy. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "core/metric.h"
#include "resource_alert/responses/action_runner.h"

struct response_snapshot {
  atomic_size_t level; /* actions that are on */
  atomic_uint_least64_t done;
  atomic_uint_least64_t failed;
  atomic_uint_least64_t blocked;
  _Atomic int64_t begun_ms; /* of the step at work (monotonic); 0: it waits */
  pthread_mutex_t lock;     /* guards the next two */
  json_t *json;             /* owned */
  struct response_next next;
};

void response_snapshot_init(struct response_snapshot *snapshot);
void response_snapshot_fini(struct response_snapshot *snapshot);

/* report, runners, engaged_s, mode: as of response_report_to_json(). On the
 * response's thread, at the end of each step. */
void response_snapshot_update(struct response_snapshot *snapshot,
                              const struct response_report *report,
                              const struct action_runner *runners,
                              int64_t engaged_s, enum action_mode mode);

/* One entry of responses_to_json(). Yours, json_decref(). Any thread. */
json_t *response_snapshot_copy(struct response_snapshot *snapshot);

/* As engine_report_problems(): a step that takes more than 10 s. Any thread. */
void response_snapshot_report_problems(struct response_snapshot *snapshot,
                                       const char *name,
                                       const struct log_sink *sink);

/* Puts the response's metrics, and the replicas of its RUNNERS. Any thread. */
void response_snapshot_publish(struct response_snapshot *snapshot,
                               const char *name,
                               const struct action_runner *runners,
                               size_t runners_len,
                               const struct sample_sink *sink);

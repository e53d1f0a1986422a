/* SPDX-License-Identifier: MIT */
/* action_runner: one action and its thread. The thread runs an attempt through
 * the driver, from the intent to what is read back, or a self-test; the
 * response's thread posts it and collects how it ended, and never waits. */
#pragma once

#include <stdatomic.h>

#include "core/worker_thread.h"
#include "resource_alert/responses/pool_values.h"
#include "resource_alert/responses/response_report.h"

struct response_state_file;

/* What all runners of a response share; borrowed, outlives them. */
struct action_runner_deps {
  const struct response_report *report;
  struct condition_inputs *pools;     /* values of dbpool, by "POOL/headroom" */
  struct response_state_file *states; /* keeps what the drivers remember */
  int stop_fd;                        /* readable once all is to end */
  int wake_fd; /* of the response; written to when a job has ended */
};

/* What is handed to the thread and back: an attempt or a self-test. */
struct action_job {
  bool is_posted;      /* and not collected yet; of the response's thread */
  atomic_bool is_open; /* the rest belongs to the action's thread */
  struct action_request request; /* of an attempt, as the next two */
  enum action_mode mode;
  bool is_refresh;
  int code; /* how it ended, as the next two */
  struct action_call call;
  struct error error;
};

/* One action. It belongs to the thread of the response, except where a
 * comment names another. */
struct action_runner {
  const struct action_runner_deps *deps;
  const struct action_driver *driver;
  const struct action_options *options;  /* borrowed */
  struct action *action;                 /* owned; the action's thread's */
  struct worker_thread *thread;          /* NULL before the start */
  char name[RESPONSE_ACTION_NAME_BYTES]; /* "Switch limit_noncore_api" */
  const char *subject;                   /* within name: "limit_noncore_api" */
  char key[RESPONSE_ACTION_NAME_BYTES];  /* in the state file: with the store */
  json_t *memory; /* owned; the driver's object, see action_call; the action's
                     thread's */
  int cancel_fd;  /* owned; ends a self-test */
  struct action_job attempt;
  struct action_job self_test_job;
  struct pool_values pool;  /* of the action's Pool */
  _Atomic int64_t replicas; /* counted last; -1: none */
  struct log_complaint complaint;
  enum action_outcome outcome;        /* of the last attempt that succeeded */
  char finding[ACTION_FINDING_BYTES]; /* what that found; "": nothing to say */
  char failure[256];   /* why the last attempt failed; "" where it did not */
  char self_test[256]; /* how the last self-test ended: "ok", the reason, or ""
                          before the first one */
};

/* Makes the action of a target. all zero on entry; fini also after a failure.
 * is_in_several: there is more than one store. Returns 0 or negative errno. */
int action_runner_init(struct action_runner *runner,
                       const struct action_runner_deps *deps,
                       const struct response_target *target, bool is_in_several,
                       const struct action_deps *action_deps,
                       struct error *error);
void action_runner_fini(struct action_runner *runner);

/* Starts the thread. Returns 0 or negative errno. */
int action_runner_start(struct action_runner *runner, struct error *error);

/* Ends the thread; stop_fd is readable already. Returns false if it hangs until
 * deadline_ms (monotonic): then it is left behind with the runner. */
bool action_runner_stop(struct action_runner *runner, int64_t deadline_ms);

/* One line in the journal about this action. fields: taken; may be NULL. Any
 * thread. */
void action_runner_journal(const struct action_runner *runner, const char *step,
                           json_t *fields);

/* Hands the attempt that was decided to the thread: it sets the target and
 * reads it back; in mode dry run it only tests the target and pretends success.
 * The intent is journaled. The one before must have been collected; a self-test
 * is cancelled. */
void action_runner_post_attempt(struct action_runner *runner,
                                enum action_mode mode,
                                const struct action_request *request,
                                bool is_refresh);

/* Returns true once for each attempt, when it has ended: journals and logs the
 * outcome. The attempt stays in runner->attempt until the next one. */
bool action_runner_collect_attempt(struct action_runner *runner,
                                   struct response_result *ret);

/* Has the target tested without effect; not if a test is under way, or the
 * target cannot be tested. */
void action_runner_post_self_test(struct action_runner *runner);

/* Ends a self-test before its time; without effect on an attempt. */
void action_runner_cancel_self_test(const struct action_runner *runner);

/* Returns true once for each self-test, when it has ended: logs and notifies
 * that it fails, and that it works again. *ret_is_cancelled: it was ended by
 * something more important, and found nothing. */
bool action_runner_collect_self_test(struct action_runner *runner,
                                     bool *ret_is_cancelled);

/* SPDX-License-Identifier: MIT */
/* action_runner: one action and its thread.
 *
 * Nothing here decides: response.c has, and it gets the code of each attempt.
 * A job changes hands twice, with is_open: what the response's thread wrote
 * before it was posted is the action thread's until it has ended. */
#include "resource_alert/responses/action_runner.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json_util.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/response_state_file.h"

/* ---- what a driver may call ---- */

void action_runner_journal(const struct action_runner *runner, const char *step,
                           json_t *fields) {
  json_t *line =
      json_pack("{s:s, s:s, s:s}", "response", runner->deps->report->name,
                "action", runner->name, "step", step);
  if (line != NULL && fields != NULL) {
    (void)json_object_update(line, fields);
  }
  json_decref(fields);
  journal_put(runner->deps->report->journal, "action", line);
}

/* For action_call.note; context: the runner. */
static void journal_step(void *context, const char *step, json_t *fields) {
  action_runner_journal(context, step, fields);
}

/* A failure is logged; the attempt continues. */
static void save_memory(void *context) {
  const struct action_runner *runner = context;
  response_state_file_save_memory(runner->deps->states,
                                  runner->deps->report->name, runner->key,
                                  runner->memory);
  response_state_file_sync(runner->deps->states);
}

/* ---- the action's thread ---- */

/* The deadline counts from now on. */
static void begin_call(struct action_runner *runner, struct action_job *job,
                       int cancel_fd) {
  job->error = (struct error){{0}};
  job->call = (struct action_call){
      .deadline_ms =
          clock_monotonic_ms() + (int64_t)(runner->options->timeout_s * 1000.0),
      .cancel_fd = cancel_fd,
      .memory = runner->memory,
      .is_refresh = job->is_refresh,
      .replicas = -1,
      .error = &job->error,
      .save = save_memory,
      .note = journal_step,
      .context = runner,
  };
}

static bool is_readable(int fd) {
  struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
  return poll(&poll_fd, 1, 0) > 0;
}

/* The self-test stands for the attempt. Nothing was written, so nothing needs a
 * refresh. */
static int run_dry(struct action_runner *runner, struct action_call *call) {
  int code = runner->driver->self_test == NULL
                 ? 0
                 : runner->driver->self_test(runner->action, call);
  if (code == -ECANCELED) {
    return code;
  }
  action_runner_journal(
      runner, "dryrun",
      json_pack("{s:b, s:o}", "on", (int)runner->attempt.request.is_on,
                "self_test",
                json_util_from_text(code == 0 ? "ok" : call->error->text)));
  call->again_in_ms = 0;
  (void)action_call_set_outcome(
      call, ACTION_OUTCOME_NONE, "%s%s",
      code == 0 ? "" : "it would fail: ", code == 0 ? "" : call->error->text);
  return 0; /* the response continues as if it had been done */
}

/* A target may accept a request and not do it: only what is read back counts as
 * confirmed. */
static int set_and_confirm(struct action_runner *runner,
                           const struct action_request *request,
                           struct action_call *call) {
  const struct action_driver *driver = runner->driver;
  enum action_outcome default_outcome = ACTION_UNCONFIRMED;
  if (!call->is_refresh) { /* a restart must know that it was begun */
    response_state_file_sync(runner->deps->states);
  }
  int code = driver->set(runner->action, request, call);
  if (code == 0 && driver->confirm != NULL &&
      call->outcome != ACTION_LEFT_ALONE && call->outcome != ACTION_GONE) {
    default_outcome = ACTION_CONFIRMED;
    code = driver->confirm(runner->action, request, call);
  }
  if (code == 0 && call->outcome == ACTION_GONE && request->is_on) {
    code = error_set(call->error, -ENOENT, "%s", call->finding);
  }
  if (call->outcome == ACTION_OUTCOME_NONE) {
    call->outcome = default_outcome;
  }
  return code;
}

/* One that was queued when collectd stopped is not begun any more. */
static int run_attempt(struct action_runner *runner) {
  struct action_job *job = &runner->attempt;
  begin_call(runner, job, runner->deps->stop_fd);
  if (is_readable(runner->deps->stop_fd)) {
    return -ECANCELED;
  }
  return job->mode == ACTION_MODE_DRYRUN
             ? run_dry(runner, &job->call)
             : set_and_confirm(runner, &job->request, &job->call);
}

/* A cancellation that came before the test has begun is seen by the attempt
 * that is waiting. */
static int run_self_test(struct action_runner *runner) {
  uint64_t count;
  (void)!read(runner->cancel_fd, &count, sizeof(count));
  begin_call(runner, &runner->self_test_job, runner->cancel_fd);
  if (atomic_load(&runner->attempt.is_open) ||
      is_readable(runner->deps->stop_fd)) {
    return -ECANCELED;
  }
  return runner->driver->self_test(runner->action, &runner->self_test_job.call);
}

/* For worker_thread. What the driver remembers is saved before the end of the
 * attempt is. */
static void run_job(void *context, void *item) {
  struct action_runner *runner = context;
  struct action_job *job = item;
  const uint64_t one = 1;
  job->code =
      job == &runner->attempt ? run_attempt(runner) : run_self_test(runner);
  response_state_file_save_memory(runner->deps->states,
                                  runner->deps->report->name, runner->key,
                                  runner->memory);
  atomic_store(&job->is_open, false);
  (void)!write(runner->deps->wake_fd, &one, sizeof(one));
}

static void post_job(struct action_runner *runner, struct action_job *job) {
  job->is_posted = true;
  atomic_store(&job->is_open, true);
  (void)worker_thread_put(runner->thread, job); /* there is room for both */
}

static bool collect_job(struct action_job *job) {
  if (!job->is_posted || atomic_load(&job->is_open)) {
    return false;
  }
  job->is_posted = false;
  return true;
}

/* ---- life ---- */

int action_runner_init(struct action_runner *runner,
                       const struct action_runner_deps *deps,
                       const struct response_target *target, bool is_in_several,
                       const struct action_deps *action_deps,
                       struct error *error) {
  runner->deps = deps;
  runner->options = target->options;
  runner->driver = action_drivers[target->kind];
  runner->subject =
      response_options_format_action(target, is_in_several, runner->name);
  (void)response_options_format_action(target, true, runner->key);
  atomic_store(&runner->replicas, -1);
  runner->memory = json_object();
  runner->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (runner->memory == NULL || runner->cancel_fd < 0) {
    return error_set(error, -ENOMEM, "out of memory or file descriptors");
  }
  if (runner->options->pool != NULL) {
    int code = pool_values_init(&runner->pool, runner->deps->pools,
                                runner->options->pool, error);
    if (code != 0) {
      return code;
    }
  }
  return action_new(runner->driver, runner->options, target->store, action_deps,
                    &runner->action, error);
}

void action_runner_fini(struct action_runner *runner) {
  if (runner->driver == NULL) {
    return; /* not even begun */
  }
  action_free(runner->driver, runner->action);
  json_decref(runner->memory);
  pool_values_fini(&runner->pool);
  if (runner->cancel_fd >= 0) {
    (void)close(runner->cancel_fd);
  }
}

int action_runner_start(struct action_runner *runner, struct error *error) {
  const struct worker_thread_options options = {
      .work = run_job,
      .context = runner,
      .items_max = 2, /* an attempt, behind a self-test */
  };
  return worker_thread_new(&options, &runner->thread, error);
}

bool action_runner_stop(struct action_runner *runner, int64_t deadline_ms) {
  struct worker_thread *thread = runner->thread;
  runner->thread = NULL;
  return thread == NULL ||
         worker_thread_stop(thread, clock_left_ms(deadline_ms));
}

/* ---- attempts ---- */

/* What a refresh finds is journaled only where it has changed; what one finds
 * first, after a start, only where a person should know it. */
static void record_finding(struct action_runner *runner, bool is_on,
                           bool is_refresh, const struct action_call *call) {
  static const char *const steps[] = {[ACTION_CONFIRMED] = "confirmed",
                                      [ACTION_UNCONFIRMED] = "done",
                                      [ACTION_LEFT_ALONE] = "left_alone",
                                      [ACTION_GONE] = "gone"};
  bool is_exception =
      call->outcome == ACTION_LEFT_ALONE || call->outcome == ACTION_GONE;
  bool is_new = call->outcome != runner->outcome &&
                (is_exception || runner->outcome != ACTION_OUTCOME_NONE);
  runner->outcome = call->outcome;
  if (is_refresh && !is_new) {
    return;
  }
  json_t *fields = json_pack("{s:b}", "on", (int)is_on);
  if (call->finding[0] != '\0') {
    (void)json_object_set_new(fields, "finding",
                              json_util_from_text(call->finding));
  }
  action_runner_journal(runner, steps[call->outcome], fields);
  if (is_exception) {
    log_write(&runner->deps->report->log, LOG_LEVEL_NOTICE,
              "response \"%s\": %s: %s: %s", runner->deps->report->name,
              runner->name,
              call->outcome == ACTION_GONE ? "nothing to undo" : "left alone",
              call->finding);
  }
}

/* The recovery is logged once, with how long the action had failed. */
static void record_recovery(struct action_runner *runner, int64_t now_ms) {
  int64_t lasted_ms = 0;
  runner->failure[0] = '\0';
  if (log_complaint_clear(&runner->complaint, now_ms, &lasted_ms)) {
    log_write(&runner->deps->report->log, LOG_LEVEL_NOTICE,
              "response \"%s\": %s: works again after %.1f s",
              runner->deps->report->name, runner->name,
              (double)lasted_ms / 1000.0);
  }
}

/* Each failure is journaled; the log gets the first one and then one an
 * hour. */
static void record_failure(struct action_runner *runner, bool is_on,
                           const struct error *error, int64_t now_ms) {
  (void)snprintf(runner->failure, sizeof(runner->failure), "%.*s",
                 (int)sizeof(runner->failure) - 1, error->text);
  action_runner_journal(runner, "failed",
                        json_pack("{s:b, s:o}", "on", (int)is_on, "error",
                                  json_util_from_text(error->text)));
  if (log_complaint_fail(&runner->complaint, now_ms)) {
    log_write(&runner->deps->report->log, LOG_LEVEL_ERROR,
              "response \"%s\": %s: %s; retrying (failure %llu)",
              runner->deps->report->name, runner->name, error->text,
              (unsigned long long)runner->complaint.count);
  }
}

/* -EAGAIN is no failure: the step was made. After -ECANCELED collectd stops,
 * and the next start continues. */
static void record_outcome(struct action_runner *runner, bool is_on,
                           bool is_refresh, int code,
                           const struct action_call *call) {
  int64_t now_ms = clock_monotonic_ms();
  if (code == 0) {
    record_recovery(runner, now_ms);
    (void)snprintf(runner->finding, sizeof(runner->finding), "%s",
                   call->finding);
    if (call->outcome != ACTION_OUTCOME_NONE) { /* a dry run has none */
      record_finding(runner, is_on, is_refresh, call);
    }
  } else if (code != -EAGAIN && code != -ECANCELED) {
    record_failure(runner, is_on, call->error, now_ms);
  }
}

void action_runner_post_attempt(struct action_runner *runner,
                                enum action_mode mode,
                                const struct action_request *request,
                                bool is_refresh) {
  struct action_job *job = &runner->attempt;
  job->mode = mode;
  job->request = *request;
  pool_values_get(&runner->pool, clock_monotonic_ms(), &job->request.left,
                  &job->request.open);
  job->is_refresh = is_refresh;
  if (!is_refresh && mode != ACTION_MODE_DRYRUN) {
    action_runner_journal(runner, "intent",
                          json_pack("{s:b}", "on", (int)request->is_on));
  }
  post_job(runner, job);
  if (runner->self_test_job.is_posted) {
    action_runner_cancel_self_test(runner);
  }
}

bool action_runner_collect_attempt(struct action_runner *runner,
                                   struct response_result *ret) {
  const struct action_job *job = &runner->attempt;
  const struct action_call *call = &job->call;
  if (!collect_job(&runner->attempt)) {
    return false;
  }
  if (call->replicas >= 0) {
    atomic_store(&runner->replicas, call->replicas);
  }
  record_outcome(runner, job->request.is_on, job->is_refresh, job->code, call);
  bool is_paused = job->code != 0 && job->code != -EAGAIN;
  *ret = (struct response_result){
      .code = job->code,
      .outcome = call->outcome,
      .again_in_ms = is_paused ? call->pause_ms : call->again_in_ms,
  };
  return true;
}

/* ---- self-tests ---- */

/* A failed test is reported each time, at most once in SelfTestInterval; the
 * recovery once. */
static void report_self_test(const struct action_runner *runner, bool is_fine,
                             bool was_broken) {
  const struct response_report *report = runner->deps->report;
  char message[1024]; /* a notification holds its beginning */
  if (!is_fine) {
    (void)snprintf(message, sizeof(message),
                   "response \"%s\": self-test of %s failed: %s", report->name,
                   runner->name, runner->self_test);
    log_write(&report->log, LOG_LEVEL_WARNING, "%s", message);
    response_report_notify(report, NOTIFICATION_WARNING, message);
  } else if (was_broken) {
    (void)snprintf(message, sizeof(message),
                   "response \"%s\": self-test of %s succeeds again",
                   report->name, runner->name);
    log_write(&report->log, LOG_LEVEL_NOTICE, "%s", message);
    response_report_notify(report, NOTIFICATION_OKAY, message);
  }
}

void action_runner_post_self_test(struct action_runner *runner) {
  if (runner->driver->self_test != NULL && !runner->self_test_job.is_posted) {
    post_job(runner, &runner->self_test_job);
  }
}

void action_runner_cancel_self_test(const struct action_runner *runner) {
  const uint64_t one = 1;
  (void)!write(runner->cancel_fd, &one, sizeof(one));
}

bool action_runner_collect_self_test(struct action_runner *runner,
                                     bool *ret_is_cancelled) {
  const struct action_job *job = &runner->self_test_job;
  if (!collect_job(&runner->self_test_job)) {
    return false;
  }
  *ret_is_cancelled = job->code == -ECANCELED;
  if (*ret_is_cancelled) {
    return true;
  }
  bool was_broken =
      runner->self_test[0] != '\0' && strcmp(runner->self_test, "ok") != 0;
  (void)snprintf(runner->self_test, sizeof(runner->self_test), "%.*s",
                 (int)sizeof(runner->self_test) - 1,
                 job->code == 0 ? "ok" : job->error.text);
  action_runner_journal(
      runner, "self_test",
      json_pack("{s:o}", "result", json_util_from_text(runner->self_test)));
  report_self_test(runner, job->code == 0, was_broken);
  return true;
}

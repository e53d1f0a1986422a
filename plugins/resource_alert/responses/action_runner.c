/* SPDX-License-Identifier: MIT */
/* action_runner: one act, from its intent to what is seen of it afterwards. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file_util.h"
#include "core/json_util.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/worker_parts.h"

#define HELD_BACK_MS 1000 /* between two looks at what holds an act back */

void worker_journal(const struct act *act, const char *step, json_t *fields) {
  json_t *line =
      json_pack("{s:s, s:s, s:s}", "response", worker_name(act->worker),
                "action", act->action->name, "step", step);
  if (line != NULL && fields != NULL) {
    (void)json_object_update(line, fields);
  }
  json_decref(fields);
  journal_put(act->worker->shared->deps->journal, "action", line);
}

static void note(void *context, const char *step, json_t *fields) {
  worker_journal(context, step, fields);
}

/* The log says what fails; the act goes on. */
static void save(void *context) {
  const struct act *act = context;
  worker_keep(act->worker);
  response_state_file_sync(act->worker->shared->states);
}

/* ---- what may hold an act back ---- */

bool worker_latch_path(const struct worker *worker, char path[PATH_MAX]) {
  const char *state_dir = worker->shared->deps->state_dir;
  if (state_dir == NULL) {
    return false;
  }
  int length =
      snprintf(path, PATH_MAX, "%s/latched-%s", state_dir, worker_name(worker));
  return length < PATH_MAX;
}

/* The rate_limiter has just latched: leaves the file whose removal frees it. */
static void tell_latch(struct worker *worker) {
  char path[PATH_MAX];
  bool has_file = worker_latch_path(worker, path);
  static const char text[] =
      "Remove this file to let the response act again.\n";
  if (has_file) {
    (void)file_replace(path, text, strlen(text), 0644, false, NULL);
  }
  log_write(
      &worker->shared->deps->log, LOG_LEVEL_ERROR,
      "response \"%s\": more than %lld actions within an hour; it engages "
      "nothing more until %s%s",
      worker_name(worker), (long long)worker->options->max_actions,
      has_file ? "somebody removes " : "collectd is started anew",
      has_file ? path : "");
  worker_keep(worker);
}

/* True while a person has not cleared the rate_limiter. */
static bool is_tripped(struct worker *worker) {
  char path[PATH_MAX];
  struct rate_limiter *rate_limiter = &worker->response.rate_limiter;
  if (rate_limiter->is_tripped && worker_latch_path(worker, path) &&
      access(path, F_OK) != 0 && errno == ENOENT) {
    rate_limiter_reset(&worker->response.rate_limiter);
    log_write(&worker->shared->deps->log, LOG_LEVEL_NOTICE,
              "response \"%s\": cleared by hand, it acts again",
              worker_name(worker));
  }
  return rate_limiter->is_tripped;
}

static bool is_braked(struct worker *worker, size_t task, int64_t now_ms) {
  bool was_latched = is_tripped(worker);
  if (!response_rate_limit_stops(&worker->response, task, now_ms)) {
    return false;
  }
  if (!was_latched) {
    tell_latch(worker);
  }
  return true;
}

/* DisableFile and MaxActionsPerHour: for a while, the act comes up again. */
static const char *what_holds_back(struct worker *worker, size_t task,
                                   int64_t now_ms) {
  const char *off_file = worker->shared->deps->options->off_file;
  if (off_file != NULL && access(off_file, F_OK) == 0) {
    return "DisableFile";
  }
  return is_braked(worker, task, now_ms) ? "MaxActionsPerHour" : NULL;
}

static void tell_held_back(const struct act *act, enum log_level level,
                           const char *cause) {
  struct worker *worker = act->worker;
  atomic_fetch_add(&worker->held_back, 1);
  worker_journal(act, "held_back", json_pack("{s:s}", "cause", cause));
  log_write(&worker->shared->deps->log, level,
            "response \"%s\": %s: not done: %s", worker_name(worker),
            act->action->name, cause);
}

static bool hold_back(const struct act *act, size_t task, int64_t now_ms) {
  struct worker *worker = act->worker;
  if (act->action->mode == ACTION_MODE_OFF) {
    response_pass(&worker->response, task);
    tell_held_back(act, LOG_LEVEL_NOTICE, "Mode off");
    return true;
  }
  const char *cause = what_holds_back(worker, task, now_ms);
  if (cause == NULL) {
    worker->is_held_back = false;
    return false;
  }
  response_defer(&worker->response, task, HELD_BACK_MS, now_ms);
  if (!worker->is_held_back) {
    worker->is_held_back = true;
    tell_held_back(act, LOG_LEVEL_WARNING, cause);
  }
  return true;
}

/* ---- the act ---- */

static struct action_request make_request(const struct worker *worker,
                                          bool is_on) {
  const struct trigger_rule *cause = worker->trigger.cause;
  return (struct action_request){
      .is_on = is_on,
      .is_breached = worker->response.input == RESPONSE_BREACH,
      .response = worker_name(worker),
      .host = worker->shared->deps->host,
      .cause = cause == NULL ? "" : cause->name,
      .severity = cause == NULL ? ALERT_UNKNOWN : cause->state,
      .value = worker_rule_value(worker, cause),
      .level = (unsigned)response_wanted(&worker->response),
      .since_s = worker->engaged_s,
      .now_s = (int64_t)time(NULL),
  };
}

/* Sets and reads back; in a dry run rehearses, where the driver can. */
static int carry_out(const struct act *act,
                     const struct action_request *request,
                     struct action_call *call, struct error *error) {
  const struct action_driver *driver = act->action->driver;
  void *action = act->action->action;
  if (act->action->mode == ACTION_MODE_DRYRUN) {
    int code =
        driver->self_test == NULL ? 0 : driver->self_test(action, call, error);
    worker_journal(act, "dryrun",
                   json_pack("{s:o}", "rehearsal",
                             json_util_text(code == 0 ? "done" : error->text)));
    call->again_in_ms = 0;
    return 0; /* the decision goes on as if it had been done */
  }
  int code = driver->set(action, request, call, error);
  if (code == 0 && driver->confirm != NULL) {
    code = driver->confirm(action, request, call, error);
  }
  return code;
}

static void tell_outcome(const struct act *act, bool is_on, bool is_refresh,
                         int code, const struct error *error) {
  const struct log_sink *log = &act->worker->shared->deps->log;
  const char *response = worker_name(act->worker);
  int64_t now_ms = clock_monotonic_ms();
  int64_t lasted_ms = 0;
  if (code == 0) {
    act->action->failure[0] = '\0';
    if (complaint_clear(&act->action->complaint, now_ms, &lasted_ms)) {
      log_write(log, LOG_LEVEL_NOTICE,
                "response \"%s\": %s: works again after %.1f s", response,
                act->action->name, (double)lasted_ms / 1000.0);
    }
    if (!is_refresh) {
      if (is_on) {
        worker_clock_engaged(act->worker, now_ms);
      }
      atomic_fetch_add(&act->worker->done, 1);
      worker_journal(act, "confirmed", json_pack("{s:b}", "on", (int)is_on));
    }
    return;
  }
  if (code == -EAGAIN || code == -ECANCELED) {
    return;
  }
  atomic_fetch_add(&act->worker->failed, 1);
  (void)snprintf(act->action->failure, sizeof(act->action->failure), "%.*s",
                 (int)sizeof(act->action->failure) - 1, error->text);
  worker_journal(act, "failed",
                 json_pack("{s:b, s:o}", "on", (int)is_on, "error",
                           json_util_text(error->text)));
  if (complaint_fail(&act->action->complaint, now_ms)) {
    log_write(log, LOG_LEVEL_ERROR,
              "response \"%s\": %s: %s; it is repeated (failure %llu)",
              response, act->action->name, error->text,
              (unsigned long long)act->action->complaint.count);
  }
}

uint32_t worker_random(void) {
  uint32_t bits = 0;
  (void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK);
  return bits;
}

/* Before the act: what is about to be done is known, whatever happens. */
static void announce(const struct act *act, bool is_on) {
  if (act->action->mode == ACTION_MODE_AUTO) {
    act->action->kept = TASK_UNSURE;
    worker_keep(act->worker);
  }
  worker_journal(act, "intent", json_pack("{s:b}", "on", (int)is_on));
}

/* After it: what is known now. */
static void settle(const struct act *act, size_t task) {
  struct worker *worker = act->worker;
  if (act->action->mode == ACTION_MODE_AUTO) {
    act->action->kept = worker->response.tasks[task].state;
    worker_keep(worker);
  }
  atomic_store(&worker->level, response_level(&worker->response));
}

struct action_call worker_make_call(struct act *act) {
  return (struct action_call){
      .deadline_ms = clock_monotonic_ms() +
                     (int64_t)(act->action->options->timeout_s * 1000.0),
      .cancel_fd = act->worker->shared->stop_fd,
      .memory = act->action->memory,
      .replicas = -1,
      .save = save,
      .note = note,
      .context = act,
  };
}

void worker_act(struct worker *worker, size_t task) {
  struct act act = {worker, &worker->actions[task]};
  const struct response_task *own = &worker->response.tasks[task];
  int64_t now_ms = clock_monotonic_ms();
  bool is_on = own->is_wanted;
  bool is_refresh = own->state == (is_on ? TASK_ON : TASK_OFF);
  if (hold_back(&act, task, now_ms)) {
    return;
  }
  const struct action_request request = make_request(worker, is_on);
  struct action_call call = worker_make_call(&act);
  struct error error = {{0}};
  call.is_refresh = is_refresh;
  response_begin(&worker->response, task);
  if (!is_refresh) {
    announce(&act, is_on);
  }
  int code = carry_out(&act, &request, &call, &error);
  if (call.replicas >= 0) {
    atomic_store(&act.action->replicas, call.replicas);
  }
  tell_outcome(&act, is_on, is_refresh, code, &error);
  bool is_as_planned = code == 0 || code == -EAGAIN;
  response_done(&worker->response, task, is_on, code,
                is_as_planned ? call.again_in_ms : call.pause_ms,
                clock_monotonic_ms(), worker_random());
  settle(&act, task);
}

/* SPDX-License-Identifier: MIT */
/* response_worker: the thread of one response.
 *
 * One loop: commands, decisions, the notification of a change, timers, in this
 * order; then it waits in poll() for the next time that something is due, for
 * its eventfd or for the end. Only the fields above the comment in the struct
 * are touched by other threads. */
#include "resource_alert/responses/response_worker.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/worker_thread.h"

/* The first self-test comes after this time and up to as much again, so that
 * many agents do not test together; an interrupted one is repeated after it. */
#define FIRST_SELF_TEST_MS 60000
#define SELF_TEST_AGAIN_MS 60000

/* A value that has changed by less has not changed: EffectCheckAfter. */
#define EFFECT_MIN_RATIO 0.05

struct response_worker {
  const struct response_worker_deps *shared;
  const struct response_options *options; /* borrowed */
  struct switch_stores *stores;           /* owned, as are the next */
  struct action_deps action_deps;
  struct action_runner_deps runner_deps;
  pthread_t thread;
  bool has_thread;
  int wake_fd;
  atomic_size_t level; /* actions that are on */
  atomic_uint_least64_t done;
  atomic_uint_least64_t failed;
  atomic_uint_least64_t blocked;
  atomic_uint commands; /* a bit for each enum responses_command that waits */
  pthread_mutex_t snapshot_lock; /* guards the next two */
  json_t *snapshot;
  struct response_next next;
  /* The rest belongs to the thread. */
  struct response response;
  struct response_report report;
  struct action_runner *runners; /* by index of the response's actions */
  size_t runners_len;            /* that need action_runner_fini() */
  struct response_saved saved;
  bool is_change_unreported; /* the state has changed, listeners are to know */
  bool is_block_logged;
  int64_t self_test_ms;    /* when the next one is; RESPONSE_NEVER: none */
  int64_t effect_check_ms; /* when to check whether it helped */
  double value_before;     /* of the cause, when an action was engaged last */
};

const char *response_worker_name(const struct response_worker *worker) {
  return worker->options->head.label;
}

/* The value as it is now, not that of the time of the breach. NaN: not
 * known. */
static double cause_value(const struct response_worker *worker) {
  const struct response_rule *cause = worker->response.cause;
  return cause == NULL ? (double)NAN : cause->value;
}

/* Only to spread retries and tests. Without entropy, early in a boot, it is
 * 0. */
static uint32_t random_bits(void) {
  uint32_t bits = 0;
  (void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK);
  return bits;
}

/* ---- what other threads see ---- */

void response_worker_wake(struct response_worker *worker) {
  const uint64_t one = 1;
  (void)!write(worker->wake_fd, &one, sizeof(one));
}

bool response_worker_watches(const struct response_worker *worker,
                             size_t rule) {
  for (size_t i = 0; i < worker->response.rules_len; i++) {
    if (worker->response.rules[i].index == rule) {
      return true;
    }
  }
  return false;
}

void response_worker_publish(struct response_worker *worker,
                             const struct sample_sink *sink) {
  const char *name = response_worker_name(worker);
  sample_put_gauge(sink, name, "degradation_level", "",
                   (double)atomic_load(&worker->level));
  for (size_t i = 0; i < worker->runners_len; i++) {
    int64_t replicas = atomic_load(&worker->runners[i].replicas);
    if (replicas >= 0) {
      sample_put_gauge(sink, name, "replicas", worker->runners[i].subject,
                       (double)replicas);
    }
  }
  sample_put_derive(sink, name, "derive", "actions_done",
                    (int64_t)atomic_load(&worker->done));
  sample_put_derive(sink, name, "derive", "actions_failed",
                    (int64_t)atomic_load(&worker->failed));
  sample_put_derive(sink, name, "derive", "actions_blocked",
                    (int64_t)atomic_load(&worker->blocked));
}

/* What a person has set, or the stricter one of plugin and response. */
static enum action_mode choose_mode(const struct response_worker *worker) {
  int plugin = worker->shared->deps->options->mode;
  int response = worker->options->mode;
  int configured = plugin > response ? plugin : response;
  return (enum action_mode)(worker->saved.mode < 0 ? configured
                                                   : worker->saved.mode);
}

/* Made after each step, so that a reader never waits for a target. */
static void update_snapshot(struct response_worker *worker) {
  json_t *now =
      response_report_to_json(&worker->report, worker->runners,
                              worker->saved.engaged_s, choose_mode(worker));
  struct response_next next =
      response_report_find_next(&worker->report, worker->runners);
  atomic_store(&worker->level, response_count_actions_on(&worker->response));
  (void)pthread_mutex_lock(&worker->snapshot_lock);
  json_t *before = worker->snapshot;
  worker->snapshot = now;
  worker->next = next;
  (void)pthread_mutex_unlock(&worker->snapshot_lock);
  json_decref(before);
}

json_t *response_worker_copy_snapshot(struct response_worker *worker) {
  (void)pthread_mutex_lock(&worker->snapshot_lock);
  json_t *copy = json_deep_copy(worker->snapshot);
  struct response_next next = worker->next;
  (void)pthread_mutex_unlock(&worker->snapshot_lock);
  if (copy != NULL) {
    json_t *fresh = json_pack(
        "{s:o, s:I, s:I, s:I}", "next", response_report_next_to_json(&next),
        "done", (json_int_t)atomic_load(&worker->done), "failed",
        (json_int_t)atomic_load(&worker->failed), "blocked",
        (json_int_t)atomic_load(&worker->blocked));
    (void)json_object_update(copy, fresh);
    json_decref(fresh);
  }
  return copy;
}

/* ---- saving ---- */

/* With the kernel when it returns. Called after each change that a restart must
 * know. */
static void save_state(struct response_worker *worker) {
  response_state_file_save(worker->shared->states, response_worker_name(worker),
                           &worker->response, worker->runners, &worker->saved);
}

/* For the runners. */
static void save_for_runner(void *context, bool is_on_disk) {
  struct response_worker *worker = context;
  save_state(worker);
  if (is_on_disk) {
    response_state_file_sync(worker->shared->states);
  }
}

/* To be called with each change of state. */
static void record_state_change(struct response_worker *worker,
                                enum response_state before) {
  if (response_is_engaged(&worker->response) && before != RESPONSE_ENGAGING &&
      before != RESPONSE_ENGAGED) {
    worker->saved.engaged_s = (int64_t)time(NULL);
  }
  worker->is_change_unreported = true;
  response_report_change(&worker->report, before);
}

/* ---- timers: self-tests, and whether what was engaged helped ---- */

/* The first self-test is spread over a minute, so that agents that start
 * together do not test together. */
static void set_first_timers(struct response_worker *worker, int64_t now_ms) {
  worker->effect_check_ms = RESPONSE_NEVER;
  worker->self_test_ms =
      worker->options->self_test_s == 0
          ? RESPONSE_NEVER
          : now_ms + FIRST_SELF_TEST_MS + random_bits() % FIRST_SELF_TEST_MS;
}

/* Self-tests wait while the response is at work. */
static int64_t timers_wake_ms(const struct response_worker *worker) {
  int64_t self_test_ms = worker->response.state == RESPONSE_OFF
                             ? worker->self_test_ms
                             : RESPONSE_NEVER;
  return self_test_ms < worker->effect_check_ms ? self_test_ms
                                                : worker->effect_check_ms;
}

/* Returns false if a test was interrupted by something more important. */
static bool run_self_tests(struct response_worker *worker) {
  for (size_t i = 0; i < worker->runners_len; i++) {
    if (worker->runners[i].driver->self_test != NULL &&
        worker->response.actions[i].mode != ACTION_MODE_OFF &&
        action_runner_self_test(&worker->runners[i]) != 0) {
      return false;
    }
  }
  return true;
}

/* By whether the breach is over or the value of its rule has changed. */
static void report_effect(struct response_worker *worker) {
  double before = worker->value_before;
  double after = cause_value(worker);
  bool has_moved = worker->response.input != RESPONSE_BREACH ||
                   (isfinite(before) && isfinite(after) &&
                    fabs(after - before) >= EFFECT_MIN_RATIO * fabs(before));
  worker->effect_check_ms = RESPONSE_NEVER;
  response_report_effect(&worker->report, before, after, has_moved,
                         worker->options->effect_check_s);
}

/* Returns false where no timer is due. */
static bool run_timers(struct response_worker *worker) {
  int64_t now_ms = clock_monotonic_ms();
  if (now_ms >= worker->effect_check_ms) {
    report_effect(worker);
    return true;
  }
  if (now_ms >= timers_wake_ms(worker)) {
    bool is_done = run_self_tests(worker);
    worker->self_test_ms =
        clock_monotonic_ms() +
        (is_done ? worker->options->self_test_s * 1000 : SELF_TEST_AGAIN_MS);
    return true;
  }
  return false;
}

/* ---- commands ---- */

void response_worker_queue_command(struct response_worker *worker,
                                   enum responses_command command) {
  /* The last mode counts: it takes the place of one that still waits. */
  unsigned modes = (1U << (RESPONSES_MODE_CONFIGURED + 1)) - 1;
  unsigned replaced = command <= RESPONSES_MODE_CONFIGURED ? modes : 0;
  unsigned waiting = atomic_load(&worker->commands);
  while (!atomic_compare_exchange_weak(&worker->commands, &waiting,
                                       (waiting & ~replaced) | 1U << command)) {
  }
  response_worker_wake(worker);
}

/* A mode that a person has set lasts until "configured", also over a restart.
 */
static void handle_mode_commands(struct response_worker *worker,
                                 unsigned commands) {
  int before = worker->saved.mode;
  for (int mode = ACTION_MODE_AUTO; mode <= ACTION_MODE_OFF; mode++) {
    if ((commands & (1U << (RESPONSES_MODE_AUTO + mode))) != 0) {
      worker->saved.mode = mode;
    }
  }
  if ((commands & (1U << RESPONSES_MODE_CONFIGURED)) != 0) {
    worker->saved.mode = -1;
  }
  if (worker->saved.mode != before) {
    response_set_action_modes(&worker->response, worker->options,
                              choose_mode(worker), clock_monotonic_ms());
    save_state(worker);
  }
}

/* Commands come before everything else, so that "mode off" stops the next
 * attempt. */
static void handle_commands(struct response_worker *worker) {
  unsigned commands = atomic_exchange(&worker->commands, 0);
  handle_mode_commands(worker, commands);
  if ((commands & (1U << RESPONSES_RESET)) != 0) {
    response_reset_rate_limit(&worker->response);
    save_state(worker);
  }
  if ((commands & (1U << RESPONSES_DEACTIVATE)) != 0) {
    enum response_state before = worker->response.state;
    if (response_deactivate(&worker->response)) {
      record_state_change(worker, before);
    }
  }
  if ((commands & (1U << RESPONSES_SELF_TEST)) != 0) {
    (void)run_self_tests(worker);
  }
}

/* ---- decisions ---- */

/* A rule that is in breach, its value and since when: for the target. */
static struct action_request make_request(const struct response_worker *worker,
                                          bool is_on) {
  const struct response_rule *cause = worker->response.cause;
  return (struct action_request){
      .is_on = is_on,
      .is_breached = worker->response.input == RESPONSE_BREACH,
      .response = response_worker_name(worker),
      .host = worker->shared->deps->host,
      .cause = cause == NULL ? "" : cause->name,
      .state = alert_state_name(cause == NULL ? ALERT_UNKNOWN : cause->state),
      .value = cause_value(worker),
      .level = (unsigned)response_count_wanted(&worker->response),
      .since_s = worker->saved.engaged_s,
      .now_s = (int64_t)time(NULL),
  };
}

/* The attempt itself waits for the target; no lock is held. */
static void attempt_action(struct response_worker *worker,
                           const struct response_decision *decision) {
  enum action_mode mode = worker->response.actions[decision->action].mode;
  const struct action_request request = make_request(worker, decision->is_on);
  worker->is_block_logged = false;
  const struct response_result result = action_runner_attempt(
      &worker->runners[decision->action], mode, &request, decision->is_refresh);
  int code = result.code;
  int64_t now_ms = clock_monotonic_ms();
  if (code == 0 && !decision->is_refresh) {
    atomic_fetch_add(&worker->done, 1);
    if (decision->is_on && worker->options->effect_check_s > 0) {
      worker->effect_check_ms = now_ms + worker->options->effect_check_s * 1000;
      worker->value_before = cause_value(worker);
    }
  } else if (code != 0 && code != -EAGAIN && code != -ECANCELED) {
    atomic_fetch_add(&worker->failed, 1);
  }
  response_end_attempt(&worker->response, decision, &result, now_ms,
                       random_bits());
  if (mode == ACTION_MODE_AUTO) {
    save_state(worker);
  }
}

/* Counted, journaled and logged: people ask why nothing happened. */
static void record_block(struct response_worker *worker, size_t action,
                         enum log_level level, const char *cause) {
  atomic_fetch_add(&worker->blocked, 1);
  response_report_blocked(&worker->report, &worker->runners[action], level,
                          cause);
}

/* Of what comes up again and again only the first is recorded, until an action
 * is attempted again. */
static void record_block_once(struct response_worker *worker, size_t action,
                              const char *cause) {
  if (!worker->is_block_logged) {
    worker->is_block_logged = true;
    record_block(worker, action, LOG_LEVEL_WARNING, cause);
  }
}

/* Reads the rules, decides and does it. Returns false where nothing is due. */
static bool decide_and_act(struct response_worker *worker) {
  struct response *response = &worker->response;
  const char *disable_file = worker->shared->deps->options->disable_file;
  bool was_tripped = response->rate_limit.is_tripped;
  for (size_t i = 0; i < response->rules_len; i++) {
    struct response_rule *rule = &response->rules[i];
    rule->state = (enum alert_state)atomic_load(
        &worker->shared->rules[rule->index].state);
    rule->value = atomic_load(&worker->shared->rules[rule->index].value);
  }
  /* The file is looked for before each decision: creating it stops the very
   * next attempt. */
  const struct response_decision decision = response_decide(
      response, disable_file != NULL && access(disable_file, F_OK) == 0,
      clock_monotonic_ms());
  switch (decision.kind) {
  case RESPONSE_IDLE:
    return false;
  case RESPONSE_CHANGED:
    record_state_change(worker, decision.before);
    break;
  case RESPONSE_ATTEMPT:
    attempt_action(worker, &decision);
    break;
  case RESPONSE_SKIPPED:
    record_block(worker, decision.action, LOG_LEVEL_NOTICE, "Mode off");
    break;
  case RESPONSE_DISABLED:
    record_block_once(worker, decision.action, "DisableFile");
    break;
  case RESPONSE_RATE_LIMITED:
    if (!was_tripped) {
      response_report_tripped(&worker->report);
      save_state(worker);
    }
    record_block_once(worker, decision.action, "MaxActionsPerHour");
    break;
  }
  return true;
}

/* ---- the thread ---- */

/* Waits until a rule changes, something is due or all is to end; not at all
 * where there is more to do. Returns false for the end. */
static bool wait_for_work(struct response_worker *worker, bool is_busy) {
  int64_t now_ms = clock_monotonic_ms();
  int64_t wake_ms =
      is_busy ? now_ms : response_wake_ms(&worker->response, now_ms);
  int64_t timers_ms = timers_wake_ms(worker);
  wake_ms = timers_ms < wake_ms ? timers_ms : wake_ms;
  struct pollfd fds[] = {{.fd = worker->shared->stop_fd, .events = POLLIN},
                         {.fd = worker->wake_fd, .events = POLLIN}};
  (void)poll(fds, 2, wake_ms == RESPONSE_NEVER ? -1 : clock_left_ms(wake_ms));
  if (fds[1].revents != 0) {
    uint64_t count;
    (void)!read(worker->wake_fd, &count, sizeof(count));
  }
  return fds[0].revents == 0;
}

/* Does the one thing that is due and comes first. Returns false when there was
 * nothing to do. */
static bool run_next_step(struct response_worker *worker) {
  handle_commands(worker);
  if (decide_and_act(worker)) {
    return true;
  }
  if (worker->is_change_unreported) {
    save_state(worker);
    worker->is_change_unreported = false;
    response_report_notify_state(&worker->report);
    return true;
  }
  return run_timers(worker);
}

/* The thread. Saves once more at its end, when attempts may have been
 * cancelled. */
static void *run_response(void *argument) {
  struct response_worker *worker = argument;
  bool is_busy = true;
  while (wait_for_work(worker, is_busy)) {
    is_busy = run_next_step(worker);
    update_snapshot(worker);
  }
  save_state(worker);
  return NULL;
}

int response_worker_start(struct response_worker *worker, struct error *error) {
  int code = worker_thread_create_without_signals(&worker->thread, NULL,
                                                  run_response, worker);
  worker->has_thread = code == 0;
  return code == 0 ? 0
                   : error_set(error, code, "cannot start a thread: %s",
                               strerror(-code));
}

/* ---- life ---- */

/* runners_len counts also the runner that failed, since it needs
 * action_runner_fini(), too. */
static int make_runners(struct response_worker *worker, struct error *error) {
  size_t count = worker->response.actions_len;
  int code = 0;
  worker->runners = calloc(count + 1, sizeof(*worker->runners));
  if (worker->runners == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  while (worker->runners_len < count && code == 0) {
    size_t i = worker->runners_len++;
    code = action_runner_init(&worker->runners[i], &worker->runner_deps,
                              worker->options, i, &worker->action_deps, error);
  }
  return code;
}

/* All that can fail. What is made is freed by response_worker_end(). */
static int make_parts(struct response_worker *worker, struct error *error) {
  const struct responses_deps *deps = worker->shared->deps;
  worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (worker->wake_fd < 0) {
    return error_set(error, -errno, "eventfd: %s", strerror(errno));
  }
  if (response_init_configured(&worker->response, worker->options,
                               &deps->rules) != 0) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = switch_stores_new(&deps->options->stores, &worker->stores, error);
  if (code != 0) {
    return code;
  }
  worker->action_deps = (struct action_deps){
      .response = response_worker_name(worker),
      .host = deps->host,
      .identity = deps->identity,
      .helper_dir = deps->options->helper_dir,
      .stores_len = deps->options->stores.len,
      .stores = worker->stores,
      .kubernetes = worker->shared->kubernetes,
  };
  worker->report = (struct response_report){
      .name = response_worker_name(worker),
      .response = &worker->response,
      .log = deps->log,
      .journal = deps->journal,
      .notifications = deps->notifications,
  };
  worker->runner_deps = (struct action_runner_deps){
      .report = &worker->report,
      .stop_fd = worker->shared->stop_fd,
      .wake_fd = worker->wake_fd,
      .save = save_for_runner,
      .context = worker,
  };
  return make_runners(worker, error);
}

/* The modes come first: an action whose Mode is off now is not attempted. */
static void restore_state(struct response_worker *worker) {
  struct response *response = &worker->response;
  int64_t now_ms = clock_monotonic_ms();
  int64_t now_s = (int64_t)time(NULL);
  worker->saved = (struct response_saved){.mode = -1};
  bool has_saved = response_state_file_apply(
      worker->shared->states, response_worker_name(worker), response,
      worker->runners, &worker->saved);
  if (!worker->shared->deps->has_commands) {
    response->rate_limit.is_tripped = false; /* nobody could reset it */
  }
  response_set_action_modes(response, worker->options, choose_mode(worker),
                            now_ms);
  if (has_saved) {
    int64_t *engaged_s = &worker->saved.engaged_s;
    if (*engaged_s <= 0 || *engaged_s > now_s) { /* the clock was set back */
      *engaged_s = now_s;
    }
    response_restore(response, worker->saved.state, (now_s - *engaged_s) * 1000,
                     now_ms);
  }
}

int response_worker_new(const struct response_worker_deps *shared,
                        const struct response_options *options,
                        struct response_worker **ret, struct error *error) {
  struct response_worker *worker = calloc(1, sizeof(*worker));
  if (worker == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  worker->shared = shared;
  worker->options = options;
  worker->wake_fd = -1;
  (void)pthread_mutex_init(&worker->snapshot_lock, NULL);
  int code = make_parts(worker, error);
  if (code != 0) {
    error_prefix(error, "<Response \"%s\">", response_worker_name(worker));
    (void)response_worker_end(worker, 0); /* it has no thread yet */
    return code;
  }
  restore_state(worker);
  set_first_timers(worker, clock_monotonic_ms());
  update_snapshot(worker);
  *ret = worker;
  return 0;
}

bool response_worker_end(struct response_worker *worker, int64_t deadline_s) {
  const struct timespec deadline = {.tv_sec = (time_t)deadline_s};
  if (worker == NULL) {
    return true;
  }
  if (worker->has_thread &&
      pthread_timedjoin_np(worker->thread, NULL, &deadline) != 0) {
    return false;
  }
  for (size_t i = 0; i < worker->runners_len; i++) {
    action_runner_fini(&worker->runners[i]);
  }
  if (worker->wake_fd >= 0) {
    (void)close(worker->wake_fd);
  }
  response_fini(&worker->response);
  json_decref(worker->snapshot);
  (void)pthread_mutex_destroy(&worker->snapshot_lock);
  free(worker->runners);
  switch_stores_free(worker->stores);
  free(worker);
  return true;
}

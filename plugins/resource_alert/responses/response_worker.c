/* SPDX-License-Identifier: MIT */
/* response_worker: the thread of one response.
 *
 * One loop: commands, attempts that have ended, decisions, the notification of
 * a change, timers, in this order; then it waits in poll() for the next time
 * that something is due, for its eventfd or for the end, and for no target.
 * Only the fields above the comment in the struct are shared. */
#include "resource_alert/responses/response_worker.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/worker_thread.h"
#include "resource_alert/responses/response_snapshot.h"

/* The first self-test comes after this time and up to as much again, so that
 * many agents do not test together; an interrupted one is repeated after it. */
#define FIRST_SELF_TEST_MS 60000
#define SELF_TEST_AGAIN_MS 60000

struct response_worker {
  const struct response_worker_deps *shared;
  const struct response_options *options; /* borrowed */
  struct action_deps action_deps;
  struct action_runner_deps runner_deps;
  struct worker_thread *thread; /* its one item is the loop; NULL: no loop */
  int wake_fd;
  atomic_uint commands; /* a bit for each enum responses_command that waits */
  struct response_snapshot snapshot;
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
  const struct response_rule *effect_rule; /* the cause, when an action was */
  struct rule_status effect_before;        /* engaged last; as it was then */
};

const char *response_worker_name(const struct response_worker *worker) {
  return worker->options->head.label;
}

/* The value as it is now, not that of the time of the breach. NaN: not
 * known. */
static double cause_value(const struct response_worker *worker) {
  const struct response_rule *cause = worker->response.cause;
  return cause == NULL ? (double)NAN : cause->now.value;
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
  size_t len = worker->response.rules_len + worker->response.unless_len;
  for (size_t i = 0; i < len; i++) {
    if (worker->response.rules[i].index == rule) {
      return true;
    }
  }
  return false;
}

void response_worker_publish(struct response_worker *worker,
                             const struct sample_sink *sink) {
  response_snapshot_publish(&worker->snapshot, response_worker_name(worker),
                            worker->runners, worker->runners_len, sink);
}

struct response_snapshot *
response_worker_snapshot(struct response_worker *worker) {
  return &worker->snapshot;
}

/* What a person has set, or the stricter one of plugin and response. */
static enum action_mode choose_mode(const struct response_worker *worker) {
  int plugin = worker->shared->deps->options->mode;
  int response = worker->options->mode;
  int configured = plugin > response ? plugin : response;
  return (enum action_mode)(worker->saved.mode < 0 ? configured
                                                   : worker->saved.mode);
}

static void update_snapshot(struct response_worker *worker) {
  response_snapshot_update(&worker->snapshot, &worker->report, worker->runners,
                           worker->saved.engaged_s, choose_mode(worker));
}

/* ---- saving ---- */

/* Called after each change that a restart must know. */
static void save_state(struct response_worker *worker) {
  response_state_file_save(worker->shared->states, response_worker_name(worker),
                           &worker->response, worker->runners, &worker->saved);
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

/* All of them at once: each target has its own thread. */
static void post_self_tests(struct response_worker *worker) {
  for (size_t i = 0; i < worker->runners_len; i++) {
    if (worker->response.actions[i].mode != ACTION_MODE_OFF) {
      action_runner_post_self_test(&worker->runners[i]);
    }
  }
}

static void begin_effect_check(struct response_worker *worker, int64_t now_ms) {
  if (worker->options->effect_check_s > 0 && worker->response.cause != NULL) {
    worker->effect_check_ms = now_ms + worker->options->effect_check_s * 1000;
    worker->effect_rule = worker->response.cause;
    worker->effect_before = worker->effect_rule->now;
  }
}

static void report_effect(struct response_worker *worker) {
  worker->effect_check_ms = RESPONSE_NEVER;
  response_report_effect(&worker->report, worker->effect_rule,
                         &worker->effect_before,
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
    post_self_tests(worker);
    worker->self_test_ms = now_ms + worker->options->self_test_s * 1000;
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
    response_set_action_modes(&worker->response, choose_mode(worker),
                              clock_monotonic_ms());
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
    post_self_tests(worker);
  }
}

/* ---- decisions ---- */

/* A rule that is in breach, its value and since when: for the target. */
static struct action_request make_request(const struct response_worker *worker,
                                          bool is_on) {
  const struct response_rule *cause = worker->response.cause;
  return (struct action_request){
      .is_on = is_on,
      .is_breached = worker->response.input == RESPONSE_BREACH &&
                     worker->response.forbidden_by == NULL,
      .response = response_worker_name(worker),
      .host = worker->shared->deps->host,
      .cause = cause == NULL ? "" : cause->name,
      .state =
          alert_state_name(cause == NULL ? ALERT_UNKNOWN : cause->now.state),
      .value = cause_value(worker),
      .level = (unsigned)response_count_wanted(&worker->response),
      .since_s = worker->saved.engaged_s,
      .now_s = (int64_t)time(NULL),
  };
}

/* A restart must know that the attempt had begun. */
static void post_attempt(struct response_worker *worker,
                         const struct response_decision *decision) {
  enum action_mode mode = worker->response.actions[decision->action].mode;
  const struct action_request request = make_request(worker, decision->is_on);
  worker->is_block_logged = false;
  if (!decision->is_refresh && mode == ACTION_MODE_AUTO) {
    save_state(worker);
  }
  action_runner_post_attempt(&worker->runners[decision->action], mode, &request,
                             decision->is_refresh);
}

static void record_attempt(struct response_worker *worker, size_t action,
                           const struct response_result *result) {
  const struct action_job *job = &worker->runners[action].attempt;
  int64_t now_ms = clock_monotonic_ms();
  int code = result->code;
  if (code == 0 && !job->is_refresh && job->mode == ACTION_MODE_AUTO) {
    atomic_fetch_add(&worker->snapshot.done, 1);
    if (job->request.is_on) {
      begin_effect_check(worker, now_ms);
    }
  } else if (code != 0 && code != -EAGAIN && code != -ECANCELED) {
    atomic_fetch_add(&worker->snapshot.failed, 1);
  }
  response_end_attempt(&worker->response, action, result, now_ms,
                       random_bits());
  if (job->mode == ACTION_MODE_AUTO) {
    save_state(worker);
  }
}

/* Returns false where nothing has ended. */
static bool collect_jobs(struct response_worker *worker) {
  bool has_ended = false;
  for (size_t i = 0; i < worker->runners_len; i++) {
    struct response_result result;
    bool is_cancelled;
    if (action_runner_collect_attempt(&worker->runners[i], &result)) {
      record_attempt(worker, i, &result);
      has_ended = true;
    }
    if (action_runner_collect_self_test(&worker->runners[i], &is_cancelled)) {
      int64_t again_ms = clock_monotonic_ms() + SELF_TEST_AGAIN_MS;
      worker->self_test_ms = is_cancelled && again_ms < worker->self_test_ms
                                 ? again_ms
                                 : worker->self_test_ms;
      has_ended = true;
    }
  }
  return has_ended;
}

/* Counted, journaled and logged: people ask why nothing happened. */
static void record_block(struct response_worker *worker, size_t action,
                         enum log_level level, const char *cause) {
  atomic_fetch_add(&worker->snapshot.blocked, 1);
  response_report_blocked(&worker->report, &worker->runners[action], level,
                          cause);
}

/* Only the first of a series is recorded, until an action is attempted. */
static void record_block_once(struct response_worker *worker, size_t action,
                              const char *cause) {
  if (!worker->is_block_logged) {
    worker->is_block_logged = true;
    record_block(worker, action, LOG_LEVEL_WARNING, cause);
  }
}

/* A file that cannot be looked for may be there. */
static bool is_disabled(const struct response_worker *worker) {
  const char *file = worker->shared->deps->options->disable_file;
  return file != NULL && (access(file, F_OK) == 0 || errno != ENOENT);
}

/* Reads the rules, decides and does it. Returns false where nothing is due. */
static bool decide_and_act(struct response_worker *worker) {
  struct response *response = &worker->response;
  bool was_tripped = response->rate_limit.is_tripped;
  for (size_t i = 0; i < response->rules_len + response->unless_len; i++) {
    struct response_rule *rule = &response->rules[i];
    rule->now = shared_rule_get(&worker->shared->rules[rule->index]);
  }
  /* The file is looked for before each decision: creating it stops the very
   * next attempt. */
  const struct response_decision decision =
      response_decide(response, is_disabled(worker), clock_monotonic_ms());
  switch (decision.kind) {
  case RESPONSE_IDLE:
    return false;
  case RESPONSE_CHANGED:
    record_state_change(worker, decision.before);
    break;
  case RESPONSE_FORBIDDEN:
    atomic_fetch_add(&worker->snapshot.blocked, 1);
    response_report_forbidden(&worker->report);
    break;
  case RESPONSE_ATTEMPT:
    post_attempt(worker, &decision);
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
  if (collect_jobs(worker) || decide_and_act(worker)) {
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

/* For worker_thread. The actions' threads end together, which
 * response_worker_end() waits for. */
static void run_loop(void *context, void *item) {
  struct response_worker *worker = item;
  bool is_busy = true;
  (void)context;
  save_state(worker);
  while (wait_for_work(worker, is_busy)) {
    atomic_store(&worker->snapshot.begun_ms, clock_monotonic_ms());
    is_busy = run_next_step(worker);
    update_snapshot(worker);
  }
  for (size_t i = 0; i < worker->runners_len; i++) {
    action_runner_cancel_self_test(&worker->runners[i]);
  }
}

int response_worker_start(struct response_worker *worker, struct error *error) {
  const struct worker_thread_options options = {.work = run_loop,
                                                .items_max = 1};
  int code = 0;
  for (size_t i = 0; i < worker->runners_len && code == 0; i++) {
    code = action_runner_start(&worker->runners[i], error);
  }
  if (code == 0) {
    code = worker_thread_new(&options, &worker->thread, error);
  }
  if (code == 0) {
    (void)worker_thread_put(worker->thread, worker);
  }
  return code;
}

/* ---- life ---- */

/* runners_len counts also the runner that failed, since it needs
 * action_runner_fini(), too. */
static int make_runners(struct response_worker *worker, struct error *error) {
  const struct option_blocks *stores = &worker->shared->deps->options->stores;
  size_t count = worker->response.actions_len;
  int code = 0;
  worker->runners = calloc(count + 1, sizeof(*worker->runners));
  if (worker->runners == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  while (worker->runners_len < count && code == 0) {
    size_t i = worker->runners_len++;
    const struct response_target target =
        response_options_find_target(worker->options, stores, i);
    code =
        action_runner_init(&worker->runners[i], &worker->runner_deps, &target,
                           stores->len > 1, &worker->action_deps, error);
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
  if (response_init_configured(&worker->response, worker->options, &deps->rules,
                               &deps->options->stores) != 0) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  worker->action_deps = (struct action_deps){
      .response = response_worker_name(worker),
      .host = deps->host,
      .identity = deps->identity,
      .helper_dir = deps->options->helper_dir,
      .stores = &deps->options->stores,
      .kubernetes = worker->shared->kubernetes,
  };
  worker->report = (struct response_report){
      .name = response_worker_name(worker),
      .response = &worker->response,
      .log = deps->log,
      .journal = deps->journal,
      .notifier = worker->shared->notifier,
  };
  worker->runner_deps = (struct action_runner_deps){
      .report = &worker->report,
      .pools = worker->shared->pools,
      .states = worker->shared->states,
      .stop_fd = worker->shared->stop_fd,
      .wake_fd = worker->wake_fd,
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
  response_set_action_modes(response, choose_mode(worker), now_ms);
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
  response_snapshot_init(&worker->snapshot);
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

/* Returns false if a thread hangs. Saves what the attempts that were cancelled
 * have found. */
static bool stop_threads(struct response_worker *worker, int64_t deadline_ms) {
  bool was_started = worker->thread != NULL;
  bool is_ended = true;
  if (was_started &&
      !worker_thread_stop(worker->thread, clock_left_ms(deadline_ms))) {
    return false;
  }
  for (size_t i = 0; i < worker->runners_len; i++) {
    is_ended = action_runner_stop(&worker->runners[i], deadline_ms) && is_ended;
  }
  if (was_started) {
    (void)collect_jobs(worker);
    save_state(worker);
  }
  return is_ended;
}

bool response_worker_end(struct response_worker *worker, int64_t deadline_ms) {
  if (worker == NULL) {
    return true;
  }
  if (!stop_threads(worker, deadline_ms)) {
    return false;
  }
  for (size_t i = 0; i < worker->runners_len; i++) {
    action_runner_fini(&worker->runners[i]);
  }
  if (worker->wake_fd >= 0) {
    (void)close(worker->wake_fd);
  }
  response_fini(&worker->response);
  response_snapshot_fini(&worker->snapshot);
  free(worker->runners);
  free(worker);
  return true;
}

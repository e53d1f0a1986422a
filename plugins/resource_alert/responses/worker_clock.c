/* SPDX-License-Identifier: MIT */
/* worker_clock: what a worker does by the clock besides its acts: fire drills,
 * and looking whether what was engaged helped. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/json_util.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/worker_parts.h"

#define FIRST_DRILL_MS                                                         \
  60000 /* and up to as much again, so that many agents do                     \
           not rehearse together */
#define DRILL_AGAIN_MS 60000 /* after one that was broken off */
#define MOVED_RATIO 0.05

double worker_rule_value(const struct worker *worker,
                         const struct trigger_rule *rule) {
  return rule == NULL ? (double)NAN
                      : atomic_load(&worker->shared->rules[rule->rule].value);
}

void worker_clock_init(struct worker *worker, int64_t now_ms) {
  worker->observe_ms = RESPONSE_NEVER;
  worker->drill_ms = RESPONSE_NEVER;
  if (worker->options->drill_s > 0) {
    worker->drill_ms =
        now_ms + FIRST_DRILL_MS + worker_random() % FIRST_DRILL_MS;
  }
}

void worker_clock_engaged(struct worker *worker, int64_t now_ms) {
  if (worker->options->observe_s > 0) {
    worker->observe_ms = now_ms + worker->options->observe_s * 1000;
    worker->value_before = worker_rule_value(worker, worker->trigger.cause);
  }
}

int64_t worker_clock_wake_ms(const struct worker *worker) {
  bool may_drill = worker->response.state == RESPONSE_OFF;
  int64_t drill_ms = may_drill ? worker->drill_ms : RESPONSE_NEVER;
  return drill_ms < worker->observe_ms ? drill_ms : worker->observe_ms;
}

/* ---- the drill ---- */

static void tell_drill(const struct act *act, bool is_fine, bool was_broken) {
  struct worker *worker = act->worker;
  const struct log_sink *log = &worker->shared->deps->log;
  char message[1024]; /* a listener gets its beginning */
  if (!is_fine) {
    (void)snprintf(message, sizeof(message),
                   "response \"%s\": drill: %s would fail: %s",
                   worker_name(worker), act->action->name, act->action->drill);
    log_write(log, LOG_LEVEL_WARNING, "%s", message);
    worker_notify(worker, NOTIFICATION_WARNING, message);
  } else if (was_broken) {
    (void)snprintf(message, sizeof(message),
                   "response \"%s\": drill: %s would work again",
                   worker_name(worker), act->action->name);
    log_write(log, LOG_LEVEL_NOTICE, "%s", message);
    worker_notify(worker, NOTIFICATION_OKAY, message);
  }
}

static int drill_one(struct worker *worker, struct worker_action *action) {
  struct act act = {worker, action};
  struct action_call call = worker_make_call(&act);
  struct error error = {{0}};
  call.cancel_fd = worker->wake_fd; /* what is real comes first */
  int code = action->driver->self_test(action->action, &call, &error);
  if (code == -ECANCELED) {
    return code;
  }
  bool was_broken =
      action->drill[0] != '\0' && strcmp(action->drill, "ok") != 0;
  (void)snprintf(action->drill, sizeof(action->drill), "%.*s",
                 (int)sizeof(action->drill) - 1, code == 0 ? "ok" : error.text);
  worker_journal(&act, "drill",
                 json_pack("{s:o}", "result", json_util_text(action->drill)));
  tell_drill(&act, code == 0, was_broken);
  return 0;
}

bool worker_drill(struct worker *worker) {
  for (size_t i = 0; i < worker->actions_len; i++) {
    struct worker_action *action = &worker->actions[i];
    if (action->driver->self_test != NULL && action->mode != ACTION_MODE_OFF &&
        drill_one(worker, action) != 0) {
      return false;
    }
  }
  return true;
}

/* ---- the effect ---- */

/* By whether the trigger is gone or the value has moved. */
static bool has_moved(const struct worker *worker, double after) {
  double before = worker->value_before;
  if (worker->response.input != RESPONSE_BREACH) {
    return true;
  }
  return isfinite(before) && isfinite(after) &&
         fabs(after - before) >= MOVED_RATIO * fabs(before);
}

static json_t *number_or_null(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static void look_for_effect(struct worker *worker, int64_t now_ms) {
  const struct trigger_rule *cause = worker->trigger.cause;
  double after = worker_rule_value(worker, cause);
  bool is_moved = has_moved(worker, after);
  worker->observe_ms = RESPONSE_NEVER;
  journal_put(worker->shared->deps->journal, "effect",
              json_pack("{s:s, s:o, s:o, s:o, s:b}", "response",
                        worker_name(worker), "rule",
                        json_util_text(cause == NULL ? "" : cause->name),
                        "before", number_or_null(worker->value_before), "after",
                        number_or_null(after), "moved", (int)is_moved));
  if (is_moved || !response_is_engaged(&worker->response)) {
    return;
  }
  bool goes_on = worker->options->escalates &&
                 response_escalate(&worker->response, now_ms);
  log_write(&worker->shared->deps->log, LOG_LEVEL_WARNING,
            "response \"%s\": rule \"%s\" has not moved in %lld s%s",
            worker_name(worker), cause == NULL ? "" : cause->name,
            (long long)worker->options->observe_s,
            goes_on ? "; going on to the next action" : "");
}

bool worker_clock_work(struct worker *worker, int64_t now_ms) {
  if (now_ms >= worker->observe_ms) {
    look_for_effect(worker, now_ms);
    return true;
  }
  if (now_ms >= worker_clock_wake_ms(worker)) {
    bool is_done = worker_drill(worker);
    worker->drill_ms =
        clock_monotonic_ms() +
        (is_done ? worker->options->drill_s * 1000 : DRILL_AGAIN_MS);
    return true;
  }
  return false;
}

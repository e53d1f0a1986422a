/* SPDX-License-Identifier: MIT */
/* response_worker: the thread that makes one response's wishes come true. */
#include "resource_alert/responses/response_worker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json_util.h"
#include "core/worker_thread.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/worker_parts.h"

const char *worker_name(const struct worker *worker) {
  return worker->options->head.label;
}

struct worker_counts worker_get_counts(struct worker *worker) {
  return (struct worker_counts){
      .level = atomic_load(&worker->level),
      .done = atomic_load(&worker->done),
      .failed = atomic_load(&worker->failed),
      .held_back = atomic_load(&worker->held_back),
  };
}

void worker_put_replicas(struct worker *worker,
                         const struct sample_sink *sink) {
  for (size_t i = 0; i < worker->actions_len; i++) {
    int64_t replicas = atomic_load(&worker->actions[i].replicas);
    if (replicas >= 0) {
      sample_put_gauge(sink, worker_name(worker), "replicas",
                       worker->actions[i].about, (double)replicas);
    }
  }
}

void worker_wake(struct worker *worker) {
  const uint64_t one = 1;
  (void)!write(worker->wake_fd, &one, sizeof(one));
}

bool worker_watches(const struct worker *worker, size_t rule) {
  for (size_t i = 0; i < worker->trigger.len; i++) {
    if (worker->trigger.rules[i].rule == rule) {
      return true;
    }
  }
  return false;
}

/* ---- the thread ---- */

static enum response_input read_rules(struct worker *worker) {
  for (size_t i = 0; i < worker->trigger.len; i++) {
    struct trigger_rule *rule = &worker->trigger.rules[i];
    rule->state =
        (enum alert_state)atomic_load(&worker->shared->rules[rule->rule].worst);
  }
  return trigger_judge(&worker->trigger);
}

/* The one place where a change of state is told. */
static void tell_change(struct worker *worker, enum response_state before) {
  const struct response *response = &worker->response;
  const struct trigger_rule *cause = worker->trigger.cause;
  const char *cause_name = cause == NULL ? "" : cause->name;
  const char *from = response_state_name(before);
  const char *to = response_state_name(response->state);
  if (response_is_engaged(response) && before != RESPONSE_ENGAGING &&
      before != RESPONSE_ENGAGED) {
    worker->engaged_s = (int64_t)time(NULL);
  }
  worker->is_notice_due = true;
  log_write(&worker->shared->deps->log, LOG_LEVEL_NOTICE,
            "response \"%s\": %s -> %s, rule \"%s\", %zu of %zu actions on",
            worker_name(worker), from, to, cause_name, response_level(response),
            response->tasks_len);
  journal_put(worker->shared->deps->journal, "response",
              json_pack("{s:s, s:s, s:s, s:o, s:I}", "response",
                        worker_name(worker), "from", from, "to", to, "cause",
                        json_util_text(cause_name), "level",
                        (json_int_t)response_level(response)));
}

void worker_dismiss(struct worker *worker) {
  enum response_state before = worker->response.state;
  response_dismiss(&worker->response, clock_monotonic_ms());
  if (worker->response.state != before) {
    tell_change(worker, before);
  }
}

void worker_notify(struct worker *worker, enum notification_severity severity,
                   const char *message) {
  const struct response *response = &worker->response;
  const struct notification_field fields[] = {
      {.name = "state", .text = response_state_name(response->state)},
      {.name = "level", .number = (double)response_level(response)},
  };
  const struct notification notification = {
      .severity = severity,
      .host = "",
      .plugin = "",
      .plugin_instance = worker_name(worker),
      .type = "degradation_level",
      .type_instance = "",
      .message = message,
      .fields = fields,
      .fields_len = sizeof(fields) / sizeof(fields[0]),
  };
  const struct notification_sink *notifications =
      &worker->shared->deps->notifications;
  if (notifications->put != NULL) {
    notifications->put(notifications->context, &notification);
  }
}

/* The change of state, once there is nothing else to do: who listens may take
 * his time. */
static void notify_change(struct worker *worker) {
  const struct response *response = &worker->response;
  const struct trigger_rule *cause = worker->trigger.cause;
  char message[NOTIFICATION_MESSAGE_BYTES];
  (void)snprintf(message, sizeof(message),
                 "response \"%s\" is %s, rule \"%s\", %zu of %zu actions on",
                 worker_name(worker), response_state_name(response->state),
                 cause == NULL ? "" : cause->name, response_level(response),
                 response->tasks_len);
  worker->is_notice_due = false;
  worker_notify(worker,
                response->state == RESPONSE_OFF ? NOTIFICATION_OKAY
                                                : NOTIFICATION_WARNING,
                message);
}

/* Waits until a rule changes, something is due or all is to end; not at all
 * where there is more to do. Returns false for the end. */
static bool wait_for_work(struct worker *worker, bool is_busy) {
  int64_t now_ms = clock_monotonic_ms();
  int64_t wake_ms =
      is_busy ? now_ms : response_wake_ms(&worker->response, now_ms);
  int64_t clock_ms = worker_clock_wake_ms(worker);
  wake_ms = clock_ms < wake_ms ? clock_ms : wake_ms;
  struct pollfd fds[] = {{.fd = worker->shared->stop_fd, .events = POLLIN},
                         {.fd = worker->wake_fd, .events = POLLIN}};
  (void)poll(fds, 2, wake_ms == RESPONSE_NEVER ? -1 : clock_left_ms(wake_ms));
  if (fds[1].revents != 0) {
    uint64_t count;
    (void)!read(worker->wake_fd, &count, sizeof(count));
  }
  return fds[0].revents == 0;
}

/* One step, and one act where one is due. Returns false when there was
 * nothing to do. */
static bool work(struct worker *worker) {
  size_t task;
  worker_obey(worker);
  enum response_state before = worker->response.state;
  if (response_step(&worker->response, read_rules(worker),
                    clock_monotonic_ms())) {
    tell_change(worker, before);
    return true;
  }
  if (response_next(&worker->response, clock_monotonic_ms(), &task)) {
    worker_act(worker, task);
    return true;
  }
  if (worker->is_notice_due) {
    worker_keep(worker);
    notify_change(worker);
    return true;
  }
  return worker_clock_work(worker, clock_monotonic_ms());
}

static void *run(void *argument) {
  struct worker *worker = argument;
  bool is_busy = true;
  while (wait_for_work(worker, is_busy)) {
    is_busy = work(worker);
    worker_publish(worker);
  }
  worker_keep(worker);
  return NULL;
}

int worker_start(struct worker *worker, struct error *error) {
  int code = worker_thread_create(&worker->thread, NULL, run, worker);
  worker->has_thread = code == 0;
  return code == 0 ? 0
                   : error_set(error, code, "cannot start a thread: %s",
                               strerror(-code));
}

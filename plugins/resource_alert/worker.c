/* SPDX-License-Identifier: MIT */
/* worker: the thread that makes one response's wishes come true. */
#include "resource_alert/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/deadline.h"
#include "resource_alert/journal.h"
#include "resource_alert/worker_parts.h"

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

void worker_wake(struct worker *worker) {
  const uint64_t one = 1;
  (void)!write(worker->wake_fd, &one, sizeof(one));
}

bool worker_watches(const struct worker *worker, size_t row) {
  for (size_t i = 0; i < worker->trigger.len; i++) {
    if (worker->trigger.rows[i].row == row) {
      return true;
    }
  }
  return false;
}

/* ---- the thread ---- */

static enum response_input read_rows(struct worker *worker) {
  for (size_t i = 0; i < worker->trigger.len; i++) {
    struct trigger_row *row = &worker->trigger.rows[i];
    row->state = (enum alert_state)atomic_load(&worker->shared->rows[row->row]);
  }
  return trigger_judge(&worker->trigger);
}

/* The one place where a change of state is told. */
static void tell_change(struct worker *worker, enum response_state before) {
  const struct response *response = &worker->response;
  const struct trigger_row *cause = worker->trigger.cause;
  const char *cause_name = cause == NULL ? "" : cause->name;
  const char *from = response_state_name(before);
  const char *to = response_state_name(response->state);
  if (response_is_engaged(response) && before != RESPONSE_ENGAGING &&
      before != RESPONSE_ENGAGED) {
    worker->engaged_s = (int64_t)time(NULL);
  }
  worker->is_notice_due = true;
  report(&worker->shared->site->log, REPORT_NOTICE,
         "response \"%s\": %s -> %s, row \"%s\", %zu of %zu actions on",
         worker_name(worker), from, to, cause_name, response_level(response),
         response->tasks_len);
  journal_put(worker->shared->site->journal, "response",
              json_pack("{s:s, s:s, s:s, s:o, s:I}", "response",
                        worker_name(worker), "from", from, "to", to, "cause",
                        journal_text(cause_name), "level",
                        (json_int_t)response_level(response)));
}

/* Tells collectd's listeners, which may take their time: only when there is
 * nothing else to do. */
static void send_notice(struct worker *worker) {
  const struct response *response = &worker->response;
  const struct trigger_row *cause = worker->trigger.cause;
  char message[NOTICE_MESSAGE_BYTES];
  size_t level = response_level(response);
  (void)snprintf(message, sizeof(message),
                 "response \"%s\" is %s, row \"%s\", %zu of %zu actions on",
                 worker_name(worker), response_state_name(response->state),
                 cause == NULL ? "" : cause->name, level, response->tasks_len);
  const struct notice_field fields[] = {
      {.name = "state", .text = response_state_name(response->state)},
      {.name = "level", .number = (double)level},
  };
  const struct notice notice = {
      .severity =
          response->state == RESPONSE_OFF ? NOTICE_OKAY : NOTICE_WARNING,
      .host = "",
      .plugin = "",
      .plugin_instance = worker_name(worker),
      .type = "degradation_level",
      .type_instance = "",
      .message = message,
      .fields = fields,
      .fields_len = sizeof(fields) / sizeof(fields[0]),
  };
  worker->is_notice_due = false;
  const struct notice_sink *notices = &worker->shared->site->notices;
  if (notices->put != NULL) {
    notices->put(notices->context, &notice);
  }
}

/* Waits until a row changes, something is due or all is to end; not at all
 * where there is more to do. Returns false for the end. */
static bool wait_for_work(struct worker *worker, bool is_busy) {
  int64_t now_ms = monotonic_ms();
  int64_t wake_ms =
      is_busy ? now_ms : response_wake_ms(&worker->response, now_ms);
  struct pollfd fds[] = {{.fd = worker->shared->stop_fd, .events = POLLIN},
                         {.fd = worker->wake_fd, .events = POLLIN}};
  (void)poll(fds, 2,
             wake_ms == RESPONSE_NEVER ? -1 : deadline_left_ms(wake_ms));
  if (fds[1].revents != 0) {
    uint64_t count;
    (void)!read(worker->wake_fd, &count, sizeof(count));
  }
  return fds[0].revents == 0;
}

/* One step, and one act where one is due. Returns false when there was
 * nothing to do. */
static bool work(struct worker *worker) {
  enum response_state before = worker->response.state;
  size_t task;
  if (response_step(&worker->response, read_rows(worker), monotonic_ms())) {
    tell_change(worker, before);
    return true;
  }
  if (response_next(&worker->response, monotonic_ms(), &task)) {
    worker_act(worker, task);
    return true;
  }
  if (worker->is_notice_due) {
    worker_keep(worker, true);
    send_notice(worker);
    return true;
  }
  return false;
}

static void *run(void *argument) {
  struct worker *worker = argument;
  bool is_busy = true;
  while (wait_for_work(worker, is_busy)) {
    is_busy = work(worker);
  }
  worker_keep(worker, true);
  return NULL;
}

int worker_start(struct worker *worker, struct error *error) {
  sigset_t all;
  sigset_t before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = -pthread_create(&worker->thread, NULL, run, worker);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  worker->has_thread = code == 0;
  return code == 0 ? 0
                   : error_set(error, code, "cannot start a thread: %s",
                               strerror(-code));
}

/* ---- making and freeing ---- */

static int find_row(const struct responses_rows *rows, const char *name,
                    size_t *ret_row) {
  for (size_t i = 0; i < rows->len; i++) {
    if (strcmp(rows->names[i], name) == 0) {
      *ret_row = i;
      return 0;
    }
  }
  return -ENOENT;
}

static int make_trigger(struct worker *worker) {
  const struct response_options *options = worker->options;
  struct trigger *trigger = &worker->trigger;
  trigger->at_least = options->at_least == RESPONSE_TRIGGER_FAILURE
                          ? ALERT_FAILURE
                          : ALERT_WARNING;
  trigger->rows = calloc(options->when.len + 1, sizeof(*trigger->rows));
  if (trigger->rows == NULL) {
    return -ENOMEM;
  }
  for (size_t i = 0; i < options->when.len; i++) {
    struct trigger_row *row = &trigger->rows[trigger->len];
    row->name = options->when.items[i];
    row->state = ALERT_UNKNOWN;
    if (find_row(&worker->shared->site->rows, row->name, &row->row) == 0) {
      trigger->len++;
    }
  }
  return 0;
}

static enum action_mode strictest(int a, int b, int c) {
  int mode = a > b ? a : b;
  return (enum action_mode)(mode > c ? mode : c);
}

static int make_action(struct worker *worker, enum action_kind kind,
                       const struct action_options *options,
                       struct error *error) {
  struct worker_action *action = &worker->actions[worker->actions_len];
  char about[128];
  action->driver = action_drivers[kind];
  action->options = options;
  action->mode = strictest(worker->shared->site->options->mode,
                           worker->options->mode, options->mode);
  action->driver->describe(options, about, sizeof(about));
  (void)snprintf(action->name, sizeof(action->name), "%s %s",
                 action->driver->block->name, about);
  action->memory = json_object();
  if (action->memory == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  worker->actions_len++; /* from here on it is freed */
  return action->driver->new (options, &worker->action_site, &action->action,
                              error);
}

/* The action that stands N-th in the file; blocks of different names are kept
 * apart by the option table. */
static const struct action_options *
find_action(const struct response_options *options, size_t position,
            enum action_kind *ret_kind) {
  for (size_t kind = 0; kind < ACTION_KINDS; kind++) {
    size_t size = action_drivers[kind]->block->size;
    for (size_t i = 0; i < options->actions[kind].len; i++) {
      const struct action_options *action =
          (const void *)((const char *)options->actions[kind].items + i * size);
      if (action->head.position == position) {
        *ret_kind = (enum action_kind)kind;
        return action;
      }
    }
  }
  return NULL;
}

static size_t count_actions(const struct response_options *options) {
  size_t count = 0;
  for (size_t kind = 0; kind < ACTION_KINDS; kind++) {
    count += options->actions[kind].len;
  }
  return count;
}

static int make_actions(struct worker *worker, struct error *error) {
  size_t count = count_actions(worker->options);
  worker->actions = calloc(count + 1, sizeof(*worker->actions));
  if (worker->actions == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = 0;
  for (size_t position = 0; worker->actions_len < count && code == 0;
       position++) {
    enum action_kind kind;
    const struct action_options *options =
        find_action(worker->options, position, &kind);
    if (options != NULL) {
      code = make_action(worker, kind, options, error);
    }
  }
  return code;
}

static int make_response(struct worker *worker) {
  const struct response_options *options = worker->options;
  const struct response_rules rules = {
      .engage_ms = options->engage_s * 1000,
      .release_ms = options->release_s * 1000,
      .stagger_ms = options->stagger_s * 1000,
      .grace_ms = options->grace_s * 1000,
      .max_acts = (size_t)options->max_actions,
  };
  int64_t *after_ms = calloc(worker->actions_len + 1, sizeof(*after_ms));
  if (after_ms == NULL) {
    return -ENOMEM;
  }
  for (size_t i = 0; i < worker->actions_len; i++) {
    after_ms[i] = worker->actions[i].options->after_s * 1000;
  }
  int code = response_init(&worker->response, &rules, after_ms,
                           worker->actions_len, monotonic_ms());
  free(after_ms);
  return code;
}

static int fill(struct worker *worker, struct error *error) {
  const struct responses_site *site = worker->shared->site;
  worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (worker->wake_fd < 0) {
    int code = -errno;
    return error_set(error, code, "eventfd: %s", strerror(-code));
  }
  int code = stores_new(&site->options->stores, &worker->stores, error);
  if (code != 0) {
    return code;
  }
  worker->action_site = (struct action_site){
      .response = worker_name(worker),
      .host = site->host,
      .helper_dir = site->options->helper_dir,
      .stores_len = site->options->stores.len,
      .stores = worker->stores,
  };
  code = make_actions(worker, error);
  if (code == 0 && (make_trigger(worker) != 0 || make_response(worker) != 0)) {
    code = error_set(error, -ENOMEM, "out of memory");
  }
  return code;
}

int worker_new(const struct worker_site *shared,
               const struct response_options *options, struct worker **ret,
               struct error *error) {
  struct worker *worker = calloc(1, sizeof(*worker));
  if (worker == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  worker->shared = shared;
  worker->options = options;
  worker->wake_fd = -1;
  int code = fill(worker, error);
  if (code != 0) {
    error_prefix(error, "<Response \"%s\">", worker_name(worker));
    worker_free(worker);
    return code;
  }
  worker_restore(worker, monotonic_ms(), (int64_t)time(NULL));
  atomic_store(&worker->level, response_level(&worker->response));
  *ret = worker;
  return 0;
}

void worker_free(struct worker *worker) {
  if (worker == NULL) {
    return;
  }
  if (worker->has_thread) {
    (void)pthread_join(worker->thread, NULL);
  }
  for (size_t i = 0; i < worker->actions_len; i++) {
    worker->actions[i].driver->free(worker->actions[i].action);
    json_decref(worker->actions[i].memory);
  }
  if (worker->wake_fd >= 0) {
    (void)close(worker->wake_fd);
  }
  response_fini(&worker->response);
  free(worker->trigger.rows);
  free(worker->actions);
  stores_free(worker->stores);
  free(worker);
}

/* SPDX-License-Identifier: MIT */
/* worker_make: how a worker comes about from its options, and how it ends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "resource_alert/responses/worker_parts.h"

static int find_rule(const struct responses_rules *rules, const char *name,
                     size_t *ret_rule) {
  for (size_t i = 0; i < rules->len; i++) {
    if (strcmp(rules->names[i], name) == 0) {
      *ret_rule = i;
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
  trigger->rules = calloc(options->when.len + 1, sizeof(*trigger->rules));
  if (trigger->rules == NULL) {
    return -ENOMEM;
  }
  for (size_t i = 0; i < options->when.len; i++) {
    struct trigger_rule *rule = &trigger->rules[trigger->len];
    rule->name = options->when.items[i];
    rule->state = ALERT_UNKNOWN;
    if (find_rule(&worker->shared->deps->rules, rule->name, &rule->rule) == 0) {
      trigger->len++;
    }
  }
  return 0;
}

static int make_action(struct worker *worker, enum action_kind kind,
                       const struct action_options *options,
                       struct error *error) {
  struct worker_action *action = &worker->actions[worker->actions_len];
  char about[128];
  action->driver = action_drivers[kind];
  action->options = options;
  action->driver->describe(options, about, sizeof(about));
  (void)snprintf(action->name, sizeof(action->name), "%s %s",
                 action->driver->block->name, about);
  action->about = action->name + strlen(action->driver->block->name) + 1;
  atomic_store(&action->replicas, -1);
  action->memory = json_object();
  if (action->memory == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  worker->actions_len++; /* from here on it is freed */
  return action->driver->new (options, &worker->action_deps, &action->action,
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

static int make_actions(struct worker *worker, struct error *error) {
  size_t count = response_options_count_actions(worker->options);
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
    const struct action_options *own = worker->actions[i].options;
    after_ms[i] = own == NULL ? 0 : own->after_s * 1000;
  }
  int code = response_init(&worker->response, &rules, after_ms,
                           worker->actions_len, clock_monotonic_ms());
  free(after_ms);
  return code;
}

static int fill(struct worker *worker, struct error *error) {
  const struct responses_deps *deps = worker->shared->deps;
  worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (worker->wake_fd < 0) {
    int code = -errno;
    return error_set(error, code, "eventfd: %s", strerror(-code));
  }
  int code = switch_stores_new(&deps->options->stores, &worker->stores, error);
  if (code != 0) {
    return code;
  }
  worker->action_deps = (struct action_deps){
      .response = worker_name(worker),
      .host = deps->host,
      .helper_dir = deps->options->helper_dir,
      .stores_len = deps->options->stores.len,
      .stores = worker->stores,
      .kubernetes = worker->shared->kubernetes,
  };
  code = make_actions(worker, error);
  if (code == 0 && (make_trigger(worker) != 0 || make_response(worker) != 0)) {
    code = error_set(error, -ENOMEM, "out of memory");
  }
  return code;
}

int worker_new(const struct worker_deps *shared,
               const struct response_options *options, struct worker **ret,
               struct error *error) {
  struct worker *worker = calloc(1, sizeof(*worker));
  if (worker == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  worker->shared = shared;
  worker->options = options;
  worker->wake_fd = -1;
  worker->mode_order = -1;
  (void)pthread_mutex_init(&worker->snapshot_lock, NULL);
  int code = fill(worker, error);
  if (code != 0) {
    error_prefix(error, "<Response \"%s\">", worker_name(worker));
    (void)worker_free(worker, 0); /* it has no thread yet */
    return code;
  }
  worker_set_modes(worker);
  worker_restore(worker, clock_monotonic_ms(), (int64_t)time(NULL));
  for (size_t i = 0; i < worker->actions_len; i++) {
    if (worker->actions[i].driver->is_standing) {
      response_defer(&worker->response, i, 0, clock_monotonic_ms());
    }
  }
  worker_clock_init(worker, clock_monotonic_ms());
  worker_publish(worker);
  atomic_store(&worker->level, response_level(&worker->response));
  *ret = worker;
  return 0;
}

bool worker_free(struct worker *worker, int64_t deadline_s) {
  const struct timespec deadline = {.tv_sec = (time_t)deadline_s};
  if (worker == NULL) {
    return true;
  }
  if (worker->has_thread &&
      pthread_timedjoin_np(worker->thread, NULL, &deadline) != 0) {
    return false;
  }
  for (size_t i = 0; i < worker->actions_len; i++) {
    worker->actions[i].driver->free(worker->actions[i].action);
    json_decref(worker->actions[i].memory);
  }
  if (worker->wake_fd >= 0) {
    (void)close(worker->wake_fd);
  }
  response_fini(&worker->response);
  json_decref(worker->snapshot);
  (void)pthread_mutex_destroy(&worker->snapshot_lock);
  free(worker->trigger.rules);
  free(worker->actions);
  switch_stores_free(worker->stores);
  free(worker);
  return true;
}

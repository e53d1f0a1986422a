/* SPDX-License-Identifier: MIT */
/* simulated_response: one response on a clock that the caller sets. */
#include "ctl/simulate/simulated_response.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next action by its place in the file, from POSITION on; NULL: none. */
static const struct action_options *
next_action(const struct response_options *options, size_t position,
            const struct action_driver **ret_driver) {
  const struct action_options *next = NULL;
  for (size_t kind = 0; kind < ACTION_KINDS; kind++) {
    const struct action_driver *driver = action_drivers[kind];
    for (size_t i = 0; i < options->actions[kind].len; i++) {
      const struct action_options *action =
          (const void *)((const char *)options->actions[kind].items +
                         i * driver->block->size);
      if (action->head.position >= position &&
          (next == NULL || action->head.position < next->head.position)) {
        next = action;
        *ret_driver = driver;
      }
    }
  }
  return next;
}

static int name_actions(struct simulated_response *response,
                        const struct response_options *options,
                        int64_t *after_ms) {
  size_t position = 0;
  const struct action_driver *driver = NULL;
  const struct action_options *action;
  for (size_t i = 0; (action = next_action(options, position, &driver)) != NULL;
       i++) {
    char about[128];
    driver->describe(action, about, sizeof(about));
    (void)snprintf(response->names[i], SIMULATED_RESPONSE_ACTION_BYTES, "%s %s",
                   driver->block->name, about);
    after_ms[i] = action->after_s * 1000;
    position = action->head.position + 1;
  }
  return 0;
}

/* What is off stays out of it, as in the daemon. */
static void take_out_what_is_off(struct simulated_response *response,
                                 const struct response_options *options,
                                 int plugin_mode, int64_t now_ms) {
  size_t position = 0;
  const struct action_driver *driver = NULL;
  const struct action_options *action;
  for (size_t i = 0; (action = next_action(options, position, &driver)) != NULL;
       i++) {
    bool is_off = plugin_mode == ACTION_MODE_OFF ||
                  options->mode == ACTION_MODE_OFF ||
                  action->mode == ACTION_MODE_OFF;
    response_renew(&response->machine, i, is_off, TASK_OFF, now_ms);
    position = action->head.position + 1;
  }
}

static int make_trigger(struct simulated_response *response,
                        const struct response_options *options,
                        const struct resource_alert_options *table) {
  struct trigger *trigger = &response->trigger;
  size_t len = 0;
  const char **names = resource_alert_rule_names(table, &len);
  trigger->at_least = options->at_least == RESPONSE_TRIGGER_FAILURE
                          ? ALERT_FAILURE
                          : ALERT_WARNING;
  trigger->rules = calloc(options->when.len + 1, sizeof(*trigger->rules));
  bool is_there = names != NULL && trigger->rules != NULL;
  for (size_t i = 0; i < options->when.len && is_there; i++) {
    for (size_t j = 0; j < len; j++) {
      if (strcmp(names[j], options->when.items[i]) == 0) {
        trigger->rules[trigger->len++] =
            (struct trigger_rule){.name = options->when.items[i], .rule = j};
        break;
      }
    }
  }
  free(names);
  return is_there ? 0 : -ENOMEM;
}

int simulated_response_init(struct simulated_response *response,
                            const struct response_options *options,
                            size_t index,
                            const struct resource_alert_options *table,
                            int64_t now_ms) {
  size_t count = response_options_count_actions(options);
  int64_t *after_ms = calloc(count + 1, sizeof(*after_ms));
  response->names = calloc(count + 1, sizeof(*response->names));
  response->index = index;
  int code = -ENOMEM;
  if (after_ms != NULL && response->names != NULL) {
    code = name_actions(response, options, after_ms);
  }
  if (code == 0) {
    code = make_trigger(response, options, table);
  }
  const struct response_rules rules = {
      .engage_ms = options->engage_s * 1000,
      .release_ms = options->release_s * 1000,
      .stagger_ms = options->stagger_s * 1000,
      .grace_ms = options->grace_s * 1000,
      .max_acts = (size_t)options->max_actions,
  };
  if (code == 0) {
    code = response_init(&response->machine, &rules, after_ms, count, now_ms);
  }
  if (code == 0) {
    take_out_what_is_off(response, options, table->responses.mode, now_ms);
  }
  free(after_ms);
  return code;
}

void simulated_response_fini(struct simulated_response *response) {
  response_fini(&response->machine);
  free(response->trigger.rules);
  free(response->names);
}

/* Every act succeeds at once, and stays. */
static void act(struct simulated_response *response, size_t task,
                int64_t now_ms, const struct simulator_listener *listener) {
  struct response *machine = &response->machine;
  bool is_on = machine->tasks[task].is_wanted;
  if (machine->tasks[task].is_off) {
    response_pass(machine, task);
    return;
  }
  response_begin(machine, task);
  response_done(machine, task, is_on, 0, 0, now_ms, 0);
  if (listener->action != NULL) {
    listener->action(listener->context, now_ms, response->index,
                     response->names[task], is_on);
  }
}

void simulated_response_step(struct simulated_response *response,
                             const enum alert_state *rules, int64_t now_ms,
                             const struct simulator_listener *listener) {
  struct response *machine = &response->machine;
  for (size_t i = 0; i < response->trigger.len; i++) {
    response->trigger.rules[i].state = rules[response->trigger.rules[i].rule];
  }
  /* An act may change the state, which may call for the next act. */
  for (size_t i = 0; i <= 2 * machine->tasks_len + 2; i++) {
    enum response_state before = machine->state;
    bool has_changed =
        response_step(machine, trigger_judge(&response->trigger), now_ms);
    if (has_changed && listener->response != NULL) {
      listener->response(listener->context, now_ms, response->index, before,
                         machine->state);
    }
    size_t task;
    bool is_due = response_next(machine, now_ms, &task);
    if (is_due && !machine->tasks[task].is_off &&
        response_rate_limit_stops(machine, task, now_ms)) {
      response_defer(machine, task, 60000, now_ms);
    } else if (is_due) {
      act(response, task, now_ms, listener);
    } else if (!has_changed) {
      break;
    }
  }
  response->wake_ms = response_wake_ms(machine, now_ms);
}

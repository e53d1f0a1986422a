/* SPDX-License-Identifier: MIT */
/* worker_keep: what a worker keeps over a restart. One entry a response:
 *   {"state": "ENGAGED", "since": EPOCH, "rules": ["pool_used"],
 *    "latched": false, "mode": "auto",
 *    "actions": {"Switch x": {"on": true, "memory": {}}}}
 * "on" is null where an act was begun and its end not seen. */
#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "core/json_util.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/worker_parts.h"

/* ---- reading ---- */

static enum task_state task_state_of(const json_t *on) {
  if (json_is_true(on)) {
    return TASK_ON;
  }
  return json_is_null(on) ? TASK_UNSURE : TASK_OFF;
}

static void restore_mode(struct worker *worker, const json_t *mode) {
  for (int i = 0; json_is_string(mode) && action_mode_words[i] != NULL; i++) {
    if (strcmp(action_mode_words[i], json_string_value(mode)) == 0) {
      worker->mode_order = i;
    }
  }
  worker_set_modes(worker);
}

static void restore_rules(struct worker *worker, const json_t *rules) {
  size_t index;
  const json_t *name;
  json_array_foreach(rules, index, name) {
    for (size_t i = 0; i < worker->trigger.len; i++) {
      struct trigger_rule *rule = &worker->trigger.rules[i];
      if (json_is_string(name) &&
          strcmp(json_string_value(name), rule->name) == 0) {
        rule->holds = true;
        worker->trigger.cause = rule;
      }
    }
  }
}

static void restore_actions(struct worker *worker, json_t *actions) {
  for (size_t i = 0; i < worker->actions_len; i++) {
    struct worker_action *action = &worker->actions[i];
    const json_t *kept = json_object_get(actions, action->name);
    if (!json_is_object(kept)) {
      continue;
    }
    action->kept = task_state_of(json_object_get(kept, "on"));
    worker->response.tasks[i].state = action->kept;
    json_t *memory = json_object_get(kept, "memory");
    if (json_is_object(memory)) {
      (void)json_object_update(action->memory, memory);
    }
    (void)json_object_del(actions, action->name);
  }
}

/* What was engaged once and is configured no longer. */
static void tell_orphans(struct worker *worker, json_t *actions) {
  const char *name;
  const json_t *kept;
  json_object_foreach(actions, name, kept) {
    if (task_state_of(json_object_get(kept, "on")) != TASK_OFF) {
      log_write(
          &worker->shared->deps->log, LOG_LEVEL_WARNING,
          "response \"%s\": %s was engaged and is configured no longer; it "
          "stays as it is",
          worker_name(worker), name);
    }
  }
}

void worker_restore(struct worker *worker, int64_t now_ms, int64_t now_s) {
  json_t *entry =
      response_state_file_get(worker->shared->states, worker_name(worker));
  if (!json_is_object(entry)) {
    json_decref(entry);
    return;
  }
  enum response_state state = RESPONSE_OFF;
  const char *name = json_string_value(json_object_get(entry, "state"));
  (void)response_state_parse(name == NULL ? "" : name, &state);
  worker->response.rate_limiter.is_tripped =
      json_is_true(json_object_get(entry, "latched"));
  restore_mode(worker, json_object_get(entry, "mode"));
  restore_rules(worker, json_object_get(entry, "rules"));
  json_t *actions = json_object_get(entry, "actions");
  restore_actions(worker, actions);
  tell_orphans(worker, actions);
  int64_t engaged_s = json_integer_value(json_object_get(entry, "since"));
  if (engaged_s <= 0 || engaged_s > now_s) { /* the clock was set back */
    engaged_s = now_s;
  }
  worker->engaged_s = engaged_s;
  response_restore(&worker->response, state, (now_s - engaged_s) * 1000,
                   now_ms);
  json_decref(entry);
}

/* ---- writing ---- */

static json_t *rules_entry(const struct worker *worker) {
  json_t *rules = json_array();
  for (size_t i = 0; i < worker->trigger.len; i++) {
    if (worker->trigger.rules[i].holds) {
      (void)json_array_append_new(
          rules, json_util_text(worker->trigger.rules[i].name));
    }
  }
  return rules;
}

static json_t *actions_entry(const struct worker *worker) {
  json_t *actions = json_object();
  for (size_t i = 0; i < worker->actions_len; i++) {
    const struct worker_action *action = &worker->actions[i];
    json_t *on = action->kept == TASK_UNSURE
                     ? json_null()
                     : json_boolean(action->kept == TASK_ON);
    (void)json_object_set_new(actions, action->name,
                              json_pack("{s:o, s:o}", "on", on, "memory",
                                        json_deep_copy(action->memory)));
  }
  return actions;
}

void worker_keep(struct worker *worker) {
  response_state_file_put(
      worker->shared->states, worker_name(worker),
      json_pack(
          "{s:s, s:I, s:o, s:b, s:s?, s:o}", "state",
          response_state_name(worker->response.state), "since",
          (json_int_t)worker->engaged_s, "rules", rules_entry(worker),
          "latched", (int)worker->response.rate_limiter.is_tripped, "mode",
          worker->mode_order < 0 ? NULL : action_mode_words[worker->mode_order],
          "actions", actions_entry(worker)));
}

/* SPDX-License-Identifier: MIT */
/* worker_snapshot: what a worker shows of itself to other threads. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/json_util.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/worker_parts.h"

/* What comes next, and when. */
struct next {
  char text[WORKER_NEXT_BYTES]; /* "" where nothing does */
  int64_t at_ms;                /* RESPONSE_NEVER: at no time known */
};

/* The action that comes next in the escalation or the undoing. */
static void find_next_task(const struct worker *worker, struct next *next) {
  const struct response *response = &worker->response;
  bool is_engaged = response_is_engaged(response);
  for (size_t i = 0; i < response->tasks_len; i++) {
    int64_t due_ms = response_due_ms(response, i);
    if (response_awaits(response, i) && !response->tasks[i].is_off &&
        due_ms < next->at_ms) {
      next->at_ms = due_ms;
      (void)snprintf(next->text, sizeof(next->text), "%s %s",
                     is_engaged ? "engage" : "undo", worker->actions[i].name);
    }
  }
}

static struct next find_next(const struct worker *worker) {
  const struct response *response = &worker->response;
  struct next next = {.at_ms = RESPONSE_NEVER};
  int64_t engage_ms = response_engage_at_ms(response);
  int64_t release_ms = response_release_at_ms(response);
  if (engage_ms != RESPONSE_NEVER) {
    next = (struct next){"engage", engage_ms};
  } else if (release_ms != RESPONSE_NEVER) {
    next = (struct next){"release", release_ms};
  } else if (response->is_dismissed) {
    next = (struct next){"released by hand, waits for a calm", RESPONSE_NEVER};
  } else if (response->input == RESPONSE_FROZEN &&
             response->state != RESPONSE_OFF) {
    next =
        (struct next){"frozen, a rule is missing or unknown", RESPONSE_NEVER};
  } else if (response->state != RESPONSE_OFF) {
    find_next_task(worker, &next);
  }
  return next;
}

static json_t *text_or_null(const char *text) {
  return text == NULL || text[0] == '\0' ? json_null() : json_util_text(text);
}

static json_t *show_action(const struct worker_action *action,
                           const struct response_task *task) {
  static const char *const states[] = {
      [TASK_OFF] = "off", [TASK_ON] = "on", [TASK_UNSURE] = "unsure"};
  return json_pack("{s:s, s:s, s:b, s:s, s:o, s:o}", "name", action->name,
                   "state", states[task->state], "wanted", (int)task->is_wanted,
                   "mode", action_mode_words[action->mode], "error",
                   text_or_null(action->failure), "drill",
                   text_or_null(action->drill));
}

static json_t *show_actions(const struct worker *worker) {
  json_t *actions = json_array();
  for (size_t i = 0; i < worker->actions_len; i++) {
    (void)json_array_append_new(
        actions, show_action(&worker->actions[i], &worker->response.tasks[i]));
  }
  return actions;
}

static json_t *show_rules(const struct worker *worker) {
  json_t *rules = json_array();
  for (size_t i = 0; i < worker->trigger.len; i++) {
    (void)json_array_append_new(rules,
                                json_util_text(worker->trigger.rules[i].name));
  }
  return rules;
}

static const char *mode_word(const struct worker *worker) {
  int plugin = worker->shared->deps->options->mode;
  int response = worker->options->mode;
  int configured = plugin > response ? plugin : response;
  return action_mode_words[worker->mode_order < 0 ? configured
                                                  : worker->mode_order];
}

static json_t *show(const struct worker *worker) {
  const struct response *response = &worker->response;
  bool is_off = response->state == RESPONSE_OFF;
  return json_pack(
      "{s:s, s:s, s:o, s:s, s:I, s:o, s:b, s:o}", "name", worker_name(worker),
      "state", response_state_name(response->state), "since",
      is_off ? json_null() : json_integer(worker->engaged_s), "mode",
      mode_word(worker), "level", (json_int_t)response_level(response), "when",
      show_rules(worker), "latched", (int)response->rate_limiter.is_tripped,
      "actions", show_actions(worker));
}

void worker_publish(struct worker *worker) {
  json_t *now = show(worker);
  struct next next = find_next(worker);
  (void)pthread_mutex_lock(&worker->snapshot_lock);
  json_t *before = worker->snapshot;
  worker->snapshot = now;
  memcpy(worker->next, next.text, sizeof(worker->next));
  worker->next_ms = next.at_ms;
  (void)pthread_mutex_unlock(&worker->snapshot_lock);
  json_decref(before);
}

/* "engage in 12 s": made when it is read, for the time runs on. */
static json_t *describe_next(const char *text, int64_t at_ms) {
  char words[WORKER_NEXT_BYTES + 32];
  int64_t left_ms = at_ms - clock_monotonic_ms();
  if (at_ms == RESPONSE_NEVER) {
    return text_or_null(text);
  }
  (void)snprintf(words, sizeof(words), "%s in %" PRId64 " s", text,
                 left_ms > 0 ? (left_ms + 999) / 1000 : 0);
  return json_util_text(words);
}

json_t *worker_snapshot(struct worker *worker) {
  struct worker_counts counts = worker_get_counts(worker);
  (void)pthread_mutex_lock(&worker->snapshot_lock);
  json_t *copy = json_deep_copy(worker->snapshot);
  json_t *next = describe_next(worker->next, worker->next_ms);
  (void)pthread_mutex_unlock(&worker->snapshot_lock);
  if (copy == NULL) {
    json_decref(next);
    return NULL;
  }
  (void)json_object_set_new(copy, "next", next);
  (void)json_object_set_new(copy, "done",
                            json_integer((json_int_t)counts.done));
  (void)json_object_set_new(copy, "failed",
                            json_integer((json_int_t)counts.failed));
  (void)json_object_set_new(copy, "held_back",
                            json_integer((json_int_t)counts.held_back));
  return copy;
}

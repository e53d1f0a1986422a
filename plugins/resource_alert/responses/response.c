/* SPDX-License-Identifier: MIT */
/* response: what a response wants, as a pure state machine. */
#include "resource_alert/responses/response.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS 60000

static const char *const names[] = {"OFF", "ENGAGING", "ENGAGED", "RELEASING"};

const char *response_state_name(enum response_state state) {
  return names[state];
}

bool response_state_parse(const char *name, enum response_state *ret_state) {
  for (int i = RESPONSE_OFF; i <= RESPONSE_RELEASING; i++) {
    if (strcmp(name, names[i]) == 0) {
      *ret_state = (enum response_state)i;
      return true;
    }
  }
  return false;
}

int response_init(struct response *response, const struct response_rules *rules,
                  const int64_t *after_ms, size_t tasks_len, int64_t now_ms) {
  *response = (struct response){
      .rules = *rules,
      .input = RESPONSE_FROZEN, /* nothing was seen yet */
      .breach_since_ms = RESPONSE_NEVER,
      .calm_since_ms = RESPONSE_NEVER,
      .changed_ms = now_ms,
      .grace_until_ms = now_ms + rules->grace_ms,
  };
  response->tasks = calloc(tasks_len + 1, sizeof(*response->tasks));
  if (response->tasks == NULL ||
      rate_limiter_init(&response->rate_limiter, rules->max_acts) != 0) {
    response_fini(response);
    return -ENOMEM;
  }
  response->tasks_len = tasks_len;
  for (size_t i = 0; i < tasks_len; i++) {
    response->tasks[i] = (struct response_task){
        .after_ms = after_ms[i],
        .backoff = {.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS},
        .again_ms = RESPONSE_NEVER,
    };
  }
  return 0;
}

void response_fini(struct response *response) {
  if (response != NULL) {
    free(response->tasks);
    rate_limiter_fini(&response->rate_limiter);
    memset(response, 0, sizeof(*response));
  }
}

/* ---- what is wanted ---- */

bool response_is_engaged(const struct response *response) {
  return response->state == RESPONSE_ENGAGING ||
         response->state == RESPONSE_ENGAGED;
}

/* A wish that changes is a new one: tried at once, counted by the rate_limiter.
 */
static void want(struct response_task *task, bool is_wanted) {
  if (task->is_wanted != is_wanted) {
    task->is_wanted = is_wanted;
    task->is_tried = task->is_passed = false;
    backoff_reset(&task->backoff);
  }
}

/* When the escalation reaches TASK, or its undoing does. */
int64_t response_due_ms(const struct response *response, size_t task) {
  if (response_is_engaged(response)) {
    return response->engaged_ms + response->tasks[task].after_ms;
  }
  int64_t behind = (int64_t)(response->tasks_len - 1 - task);
  return response->changed_ms + behind * response->rules.stagger_ms;
}

bool response_awaits(const struct response *response, size_t task) {
  bool is_wanted = response->tasks[task].is_wanted;
  return response_is_engaged(response)
             ? !is_wanted && response->input == RESPONSE_BREACH
             : is_wanted;
}

static void update_wishes(struct response *response, int64_t now_ms) {
  for (size_t i = 0; i < response->tasks_len; i++) {
    if (response_awaits(response, i) &&
        now_ms >= response_due_ms(response, i)) {
      want(&response->tasks[i], response_is_engaged(response));
    }
  }
}

static bool is_as_wished(const struct response_task *task) {
  return task->state == (task->is_wanted ? TASK_ON : TASK_OFF);
}

static bool is_settled(const struct response *response) {
  for (size_t i = 0; i < response->tasks_len; i++) {
    const struct response_task *task = &response->tasks[i];
    if (!task->is_passed && !is_as_wished(task)) {
      return false;
    }
  }
  return true;
}

static bool is_off(const struct response *response) {
  for (size_t i = 0; i < response->tasks_len; i++) {
    if (!response->tasks[i].is_off) {
      return false;
    }
  }
  return true;
}

/* ---- the state ---- */

static void change(struct response *response, enum response_state state,
                   int64_t now_ms) {
  if (state == RESPONSE_ENGAGING) {
    response->engaged_ms = now_ms;
  }
  response->state = state;
  response->changed_ms = now_ms;
}

static void take_input(struct response *response, enum response_input input,
                       int64_t now_ms) {
  if (input == response->input) {
    return;
  }
  if (response->input == RESPONSE_FROZEN) { /* back from a gap */
    response->grace_until_ms = now_ms + response->rules.grace_ms;
  }
  response->input = input;
  response->is_dismissed = response->is_dismissed && input != RESPONSE_CALM;
  response->breach_since_ms =
      input == RESPONSE_BREACH ? now_ms : RESPONSE_NEVER;
  response->calm_since_ms = input == RESPONSE_CALM ? now_ms : RESPONSE_NEVER;
  for (size_t i = 0; input == RESPONSE_BREACH && i < response->tasks_len; i++) {
    /* What has waited for a rule to call for more waits no longer. */
    int64_t *again_ms = &response->tasks[i].again_ms;
    *again_ms = *again_ms == RESPONSE_NEVER ? RESPONSE_NEVER : now_ms;
  }
}

int64_t response_engage_at_ms(const struct response *response) {
  if (response_is_engaged(response) || response->is_dismissed ||
      is_off(response) || response->breach_since_ms == RESPONSE_NEVER) {
    return RESPONSE_NEVER;
  }
  int64_t at_ms = response->breach_since_ms + response->rules.engage_ms;
  return at_ms > response->grace_until_ms ? at_ms : response->grace_until_ms;
}

int64_t response_release_at_ms(const struct response *response) {
  return response_is_engaged(response) &&
                 response->calm_since_ms != RESPONSE_NEVER
             ? response->calm_since_ms + response->rules.release_ms
             : RESPONSE_NEVER;
}

bool response_step(struct response *response, enum response_input input,
                   int64_t now_ms) {
  enum response_state before = response->state;
  take_input(response, input, now_ms);
  if (now_ms >= response_engage_at_ms(response)) {
    change(response, RESPONSE_ENGAGING, now_ms);
  } else if (now_ms >= response_release_at_ms(response)) {
    change(response, RESPONSE_RELEASING, now_ms);
  }
  update_wishes(response, now_ms);
  if (response->state == RESPONSE_ENGAGING && is_settled(response)) {
    change(response, RESPONSE_ENGAGED, now_ms);
  } else if (response->state == RESPONSE_RELEASING &&
             response_wanted(response) == 0 && is_settled(response)) {
    change(response, RESPONSE_OFF, now_ms);
  }
  return response->state != before;
}

/* ---- acts ---- */

/* When this task needs an act; RESPONSE_NEVER: it is where it should be. */
static int64_t act_at_ms(const struct response_task *task, int64_t now_ms) {
  if (task->is_passed) {
    return RESPONSE_NEVER;
  }
  if (!is_as_wished(task)) {
    return backoff_is_over(&task->backoff, now_ms)
               ? now_ms
               : task->backoff.not_before_ms;
  }
  return task->again_ms;
}

bool response_next(const struct response *response, int64_t now_ms,
                   size_t *ret_task) {
  size_t len = response->tasks_len;
  for (size_t i = 0; i < len; i++) {
    size_t task = response_is_engaged(response) ? i : len - 1 - i;
    if (now_ms >= act_at_ms(&response->tasks[task], now_ms)) {
      *ret_task = task;
      return true;
    }
  }
  return false;
}

bool response_rate_limit_stops(struct response *response, size_t task,
                               int64_t now_ms) {
  const struct response_task *own = &response->tasks[task];
  bool is_new = own->is_wanted && own->state != TASK_ON && !own->is_tried;
  return is_new && rate_limiter_stops(&response->rate_limiter, now_ms);
}

void response_begin(struct response *response, size_t task) {
  struct response_task *own = &response->tasks[task];
  own->is_tried = true;
  if (!is_as_wished(own)) {
    own->state = TASK_UNSURE;
  }
}

void response_done(struct response *response, size_t task, bool is_on, int code,
                   int64_t again_in_ms, int64_t now_ms, uint32_t random) {
  struct response_task *own = &response->tasks[task];
  own->again_ms = RESPONSE_NEVER;
  if (code == 0) {
    own->state = is_on ? TASK_ON : TASK_OFF;
    own->again_ms = again_in_ms > 0 ? now_ms + again_in_ms : RESPONSE_NEVER;
    backoff_reset(&own->backoff);
  } else if (code == -EAGAIN) {
    own->state = TASK_UNSURE;
    own->backoff.pause_ms = again_in_ms;
    own->backoff.not_before_ms = now_ms + again_in_ms;
  } else {
    own->state = TASK_UNSURE;
    backoff_fail(&own->backoff, now_ms, random);
    int64_t asked_ms = now_ms + again_in_ms; /* the target wants a pause */
    if (again_in_ms > 0 && asked_ms > own->backoff.not_before_ms) {
      own->backoff.not_before_ms = asked_ms;
    }
  }
}

void response_defer(struct response *response, size_t task, int64_t in_ms,
                    int64_t now_ms) {
  struct response_task *own = &response->tasks[task];
  if (is_as_wished(own)) {
    own->again_ms = now_ms + in_ms;
  } else {
    own->backoff.pause_ms = in_ms;
    own->backoff.not_before_ms = now_ms + in_ms;
  }
}

void response_pass(struct response *response, size_t task) {
  response->tasks[task].is_passed = true;
}

void response_renew(struct response *response, size_t task, bool is_off,
                    enum task_state state, int64_t now_ms) {
  struct response_task *own = &response->tasks[task];
  own->is_off = is_off;
  own->is_tried = own->is_passed = false;
  own->state = state;
  own->again_ms = state == TASK_ON ? now_ms : RESPONSE_NEVER;
  backoff_reset(&own->backoff);
}

void response_restore(struct response *response, enum response_state state,
                      int64_t engaged_for_ms, int64_t now_ms) {
  response->state = state;
  response->changed_ms = now_ms;
  response->engaged_ms = now_ms - engaged_for_ms;
  for (size_t i = 0; i < response->tasks_len; i++) {
    struct response_task *task = &response->tasks[i];
    task->is_wanted = response_is_engaged(response) && task->state != TASK_OFF;
    task->again_ms = task->state == TASK_ON ? now_ms : RESPONSE_NEVER;
  }
}

void response_dismiss(struct response *response, int64_t now_ms) {
  response->is_dismissed = response->input != RESPONSE_CALM;
  if (response_is_engaged(response)) {
    change(response, RESPONSE_RELEASING, now_ms);
  }
}

bool response_escalate(struct response *response, int64_t now_ms) {
  int64_t nearest_ms = RESPONSE_NEVER;
  for (size_t i = 0; response_is_engaged(response) && i < response->tasks_len;
       i++) {
    const struct response_task *task = &response->tasks[i];
    int64_t due_ms = response_due_ms(response, i);
    if (!task->is_wanted && !task->is_off && due_ms < nearest_ms) {
      nearest_ms = due_ms;
    }
  }
  if (nearest_ms == RESPONSE_NEVER) {
    return false;
  }
  response->engaged_ms -= nearest_ms > now_ms ? nearest_ms - now_ms : 0;
  return true;
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t response_wake_ms(const struct response *response, int64_t now_ms) {
  int64_t wake_ms = earlier(response_engage_at_ms(response),
                            response_release_at_ms(response));
  for (size_t i = 0; i < response->tasks_len; i++) {
    wake_ms = earlier(wake_ms, act_at_ms(&response->tasks[i], now_ms));
    if (response_awaits(response, i)) {
      wake_ms = earlier(wake_ms, response_due_ms(response, i));
    }
  }
  return wake_ms;
}

size_t response_wanted(const struct response *response) {
  size_t wanted = 0;
  for (size_t i = 0; i < response->tasks_len; i++) {
    wanted += response->tasks[i].is_wanted && !response->tasks[i].is_off;
  }
  return wanted;
}

size_t response_level(const struct response *response) {
  size_t level = 0;
  for (size_t i = 0; i < response->tasks_len; i++) {
    level += response->tasks[i].state == TASK_ON;
  }
  return level;
}

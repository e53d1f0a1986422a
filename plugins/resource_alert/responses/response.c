/* SPDX-License-Identifier: MIT */
/* response: decides what a response does next, from its rules and the time.
 *
 * Each decision follows from the fields of struct response and the two
 * arguments, input and time. Times are monotonic and in milliseconds;
 * RESPONSE_NEVER is larger than all of them, so that comparisons need no
 * special case. */
#include "resource_alert/responses/response.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pauses between failed attempts at one action. */
#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS 60000
/* Between two looks at whether a disabled response may act again. */
#define DISABLED_MS 1000

static const char *const state_names[] = {"OFF", "ENGAGING", "ENGAGED",
                                          "RELEASING"};

const char *response_state_name(enum response_state state) {
  return state_names[state];
}

const char *response_state_label(enum response_state state, bool is_dry_run) {
  static const char *const dry_run_labels[] = {
      "OFF", "DRYRUN_ENGAGING", "DRYRUN_ENGAGED", "DRYRUN_RELEASING"};
  return is_dry_run ? dry_run_labels[state] : state_names[state];
}

bool response_state_parse(const char *name, enum response_state *ret_state) {
  for (int i = RESPONSE_OFF; i <= RESPONSE_RELEASING; i++) {
    if (strcmp(name, state_names[i]) == 0) {
      *ret_state = (enum response_state)i;
      return true;
    }
  }
  return false;
}

/* ---- life ---- */

int response_init(struct response *response,
                  const struct response_settings *settings, size_t rules_len,
                  size_t unless_len, size_t actions_len) {
  *response = (struct response){
      .settings = *settings,
      .rules = calloc(rules_len + unless_len + 1, sizeof(*response->rules)),
      .rules_len = rules_len,
      .unless_len = unless_len,
      .actions = calloc(actions_len + 1, sizeof(*response->actions)),
      .actions_len = actions_len,
      .input = RESPONSE_FROZEN, /* no rule is known yet */
      .breach_since_ms = RESPONSE_NEVER,
      .clear_since_ms = RESPONSE_NEVER,
  };
  if (response->rules == NULL || response->actions == NULL ||
      rate_limiter_init(&response->rate_limit, settings->max_actions) != 0) {
    response_fini(response);
    return -ENOMEM;
  }
  for (size_t i = 0; i < rules_len + unless_len; i++) {
    response->rules[i].now = (struct rule_status){
        .beyond = ALERT_OKAY, .held = ALERT_OKAY, .value = (double)NAN};
  }
  for (size_t i = 0; i < actions_len; i++) {
    response->actions[i].backoff =
        (struct backoff){.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS};
    response->actions[i].again_ms = RESPONSE_NEVER;
    response->actions[i].configured = i;
  }
  return 0;
}

/* Looks up rules; responses_check() has refused unknown names. */
static void set_rules(struct response_rule *rules,
                      const struct option_strings *wanted,
                      const struct response_rule_names *names) {
  for (size_t i = 0; i < wanted->len; i++) {
    rules[i].name = wanted->items[i];
    (void)response_rule_names_find(names, wanted->items[i], &rules[i].index);
  }
}

int response_init_configured(struct response *response,
                             const struct response_options *options,
                             const struct response_rule_names *rule_names,
                             const struct option_blocks *stores) {
  const struct response_settings settings = {
      .engage_ms = options->engage_s * 1000,
      .release_ms = options->release_s * 1000,
      .hold_ms = options->hold_missing_s * 1000,
      .max_actions = (size_t)options->max_actions,
      .min_severity = options->min_severity == RESPONSE_TRIGGER_FAILURE
                          ? ALERT_FAILURE
                          : ALERT_WARNING,
  };
  int code =
      response_init(response, &settings, options->when.len, options->unless.len,
                    response_options_count_targets(options, stores));
  if (code != 0) {
    return code;
  }
  set_rules(response->rules, &options->when, rule_names);
  set_rules(response->rules + options->when.len, &options->unless, rule_names);
  for (size_t i = 0; i < response->actions_len; i++) {
    struct response_action *action = &response->actions[i];
    const struct response_target target =
        response_options_find_target(options, stores, i);
    action->after_ms = target.options->after_s * 1000;
    action->own_mode = (enum action_mode)target.options->mode;
    action->configured = target.configured;
    action->is_standing = action_drivers[target.kind]->is_standing;
    action->again_ms = action->is_standing ? 0 : RESPONSE_NEVER;
  }
  return 0;
}

void response_fini(struct response *response) {
  free(response->rules);
  free(response->actions);
  rate_limiter_fini(&response->rate_limit);
  memset(response, 0, sizeof(*response));
}

/* ---- desired states ---- */

bool response_is_engaged(const struct response *response) {
  return response->state == RESPONSE_ENGAGING ||
         response->state == RESPONSE_ENGAGED;
}

/* A desired state that changes is attempted at once, and counted by the rate
 * limit. */
static void set_action_wanted(struct response_action *action, bool is_wanted) {
  if (action->is_wanted != is_wanted) {
    action->is_wanted = is_wanted;
    action->is_tried = action->is_skipped = action->is_blocked = false;
    backoff_reset(&action->backoff);
  }
}

int64_t response_action_due_ms(const struct response *response, size_t action) {
  const struct response_action *own = &response->actions[action];
  /* The escalation pauses while no rule is in breach. */
  return response_is_engaged(response) && !own->is_wanted &&
                 response->input == RESPONSE_BREACH &&
                 response->forbidden_by == NULL
             ? response->engaged_ms + own->after_ms
             : RESPONSE_NEVER;
}

/* While engaged an action only becomes wanted: what is on stays on until the
 * release. */
static void update_wanted(struct response *response, int64_t now_ms) {
  for (size_t i = 0; i < response->actions_len; i++) {
    if (!response_is_engaged(response)) {
      set_action_wanted(&response->actions[i], false);
    } else if (now_ms >= response_action_due_ms(response, i)) {
      set_action_wanted(&response->actions[i], true);
    }
  }
}

/* UNSURE is neither: an attempt whose end was not seen is made again. */
static bool is_as_wanted(const struct response_action *action) {
  return action->state ==
         (action->is_wanted ? RESPONSE_ACTION_ON : RESPONSE_ACTION_OFF);
}

/* Skipped actions do not keep the response from ENGAGED or OFF. */
static bool is_all_as_wanted(const struct response *response) {
  for (size_t i = 0; i < response->actions_len; i++) {
    const struct response_action *action = &response->actions[i];
    if (!action->is_skipped && !is_as_wanted(action)) {
      return false;
    }
  }
  return true;
}

/* Such a response does not engage: there would be nothing to release. */
static bool is_all_off_by_mode(const struct response *response) {
  for (size_t i = 0; i < response->actions_len; i++) {
    if (response->actions[i].mode != ACTION_MODE_OFF) {
      return false;
    }
  }
  return true;
}

void response_set_action_mode(struct response *response, size_t action,
                              enum action_mode mode, int64_t now_ms) {
  struct response_action *own = &response->actions[action];
  own->mode = mode;
  own->is_tried = own->is_skipped = own->is_blocked = false;
  own->state = own->real_state;
  own->again_ms = own->state == RESPONSE_ACTION_ON || own->is_standing
                      ? now_ms
                      : RESPONSE_NEVER;
  backoff_reset(&own->backoff);
}

void response_set_action_modes(struct response *response, enum action_mode mode,
                               int64_t now_ms) {
  for (size_t i = 0; i < response->actions_len; i++) {
    enum action_mode own = response->actions[i].own_mode;
    enum action_mode strictest = mode > own ? mode : own;
    if (strictest != response->actions[i].mode) {
      response_set_action_mode(response, i, strictest, now_ms);
    }
  }
}

/* ---- the state ---- */

/* The time beyond the limits adds up over recoveries that were not completed;
 * the time within them begins with the recovery. */
static void update_times(struct response *response, enum response_input input,
                         int64_t now_ms) {
  bool was_beyond = response->input == RESPONSE_BREACH;
  response->breached_ms += was_beyond && input == RESPONSE_RECOVERING
                               ? now_ms - response->breach_since_ms
                               : 0;
  if (input != RESPONSE_BREACH && input != RESPONSE_RECOVERING) {
    response->breached_ms = 0;
  }
  response->breach_since_ms =
      input == RESPONSE_BREACH ? now_ms : RESPONSE_NEVER;
  if (input == RESPONSE_BREACH || input == RESPONSE_FROZEN) {
    response->clear_since_ms = RESPONSE_NEVER;
  } else if (response->clear_since_ms == RESPONSE_NEVER) {
    response->clear_since_ms = now_ms;
  }
}

static void update_input(struct response *response, enum response_input input,
                         int64_t now_ms) {
  if (input == response->input) {
    return;
  }
  update_times(response, input, now_ms);
  response->input = input;
  if (input == RESPONSE_CLEAR) {
    response->is_deactivated = false;
  }
  for (size_t i = 0; input == RESPONSE_BREACH && i < response->actions_len;
       i++) {
    /* An action that does more with each attempt, such as Scale, waits for a
     * breach: here it is. */
    int64_t *again_ms = &response->actions[i].again_ms;
    *again_ms = *again_ms == RESPONSE_NEVER ? RESPONSE_NEVER : now_ms;
  }
}

int64_t response_engage_at_ms(const struct response *response) {
  return response_is_engaged(response) || response->is_deactivated ||
                 is_all_off_by_mode(response) ||
                 response->breach_since_ms == RESPONSE_NEVER ||
                 response->forbidden_by != NULL
             ? RESPONSE_NEVER
             : response->breach_since_ms + response->settings.engage_ms -
                   response->breached_ms;
}

int64_t response_release_at_ms(const struct response *response) {
  return response_is_engaged(response) && response->input == RESPONSE_CLEAR &&
                 response->clear_since_ms != RESPONSE_NEVER
             ? response->clear_since_ms + response->settings.release_ms
             : RESPONSE_NEVER;
}

bool response_step(struct response *response, enum response_input input,
                   int64_t now_ms) {
  enum response_state before = response->state;
  update_input(response, input, now_ms);
  if (now_ms >= response_engage_at_ms(response)) {
    response->state = RESPONSE_ENGAGING;
    response->engaged_ms = now_ms;
  } else if (now_ms >= response_release_at_ms(response)) {
    response->state = RESPONSE_RELEASING;
  }
  update_wanted(response, now_ms);
  if (response->state == RESPONSE_ENGAGING && is_all_as_wanted(response)) {
    response->state = RESPONSE_ENGAGED;
  } else if (response->state == RESPONSE_RELEASING &&
             is_all_as_wanted(response)) {
    response->state = RESPONSE_OFF;
  }
  return response->state != before;
}

/* ---- attempts ---- */

/* When this action needs an attempt; RESPONSE_NEVER: it does not. */
static int64_t get_attempt_ms(const struct response_action *action,
                              int64_t now_ms) {
  if (action->is_skipped || action->is_blocked || action->is_attempting) {
    return RESPONSE_NEVER;
  }
  if (!is_as_wanted(action)) {
    return backoff_is_over(&action->backoff, now_ms)
               ? now_ms
               : action->backoff.not_before_ms;
  }
  return action->again_ms;
}

bool response_find_due_action(const struct response *response, int64_t now_ms,
                              size_t *ret_action) {
  size_t len = response->actions_len;
  for (size_t i = 0; i < len; i++) {
    /* Released in the reverse order. */
    size_t action = response_is_engaged(response) ? i : len - 1 - i;
    if (now_ms >= get_attempt_ms(&response->actions[action], now_ms)) {
      *ret_action = action;
      return true;
    }
  }
  return false;
}

/* The attempt comes up again after IN_MS. */
static void delay_attempt(struct response_action *action, int64_t in_ms,
                          int64_t now_ms) {
  if (is_as_wanted(action)) {
    action->again_ms = now_ms + in_ms;
  } else {
    action->backoff.pause_ms = in_ms;
    action->backoff.not_before_ms = now_ms + in_ms;
  }
}

/* Only what is engaged anew counts: no release, no retry, no refresh. A switch
 * in several stores counts once. */
static bool apply_rate_limit(struct response *response, size_t action,
                             int64_t now_ms) {
  const struct response_action *own = &response->actions[action];
  struct rate_limiter *limit = &response->rate_limit;
  bool is_new =
      own->is_wanted && own->state != RESPONSE_ACTION_ON && !own->is_tried;
  bool is_counted =
      action > 0 && own->configured == response->actions[action - 1].configured;
  return is_new &&
         (is_counted ? limit->is_tripped : rate_limiter_count(limit, now_ms));
}

/* Until response_end_attempt() the state of the action is not known. */
static void begin_attempt(struct response *response,
                          struct response_decision *decision) {
  struct response_action *action = &response->actions[decision->action];
  decision->is_on = action->is_wanted;
  decision->is_refresh = is_as_wanted(action);
  action->is_attempting = true;
  action->attempt_is_on = action->is_wanted;
  action->attempt_is_breached = response->input == RESPONSE_BREACH;
  action->attempt_mode = action->mode;
  action->is_tried = true;
  if (!decision->is_refresh) {
    action->state = RESPONSE_ACTION_UNSURE;
    if (action->mode == ACTION_MODE_AUTO) {
      action->real_state = RESPONSE_ACTION_UNSURE;
    }
  }
}

/* True once while a rule of Unless keeps it from what is due otherwise. */
static bool is_newly_forbidden(struct response *response, int64_t now_ms) {
  const struct response_rule *by = response->forbidden_by;
  response->forbidden_by = NULL; /* what would be without it? */
  bool is_due = now_ms >= response_engage_at_ms(response);
  for (size_t i = 0; i < response->actions_len; i++) {
    is_due = is_due || now_ms >= response_action_due_ms(response, i);
  }
  response->forbidden_by = by;
  bool is_new = by != NULL && is_due && !response->is_forbidden_reported;
  response->is_forbidden_reported = response->is_forbidden_reported || is_new;
  return is_new;
}

struct response_decision response_decide(struct response *response,
                                         bool is_disabled, int64_t now_ms) {
  struct response_decision decision = {.before = response->state};
  enum response_input input = response_evaluate_rules(response, now_ms);
  if (response_step(response, input, now_ms)) {
    decision.kind = RESPONSE_CHANGED;
    return decision;
  }
  if (is_newly_forbidden(response, now_ms)) {
    decision.kind = RESPONSE_FORBIDDEN;
    return decision;
  }
  if (!response_find_due_action(response, now_ms, &decision.action)) {
    return decision;
  }
  struct response_action *action = &response->actions[decision.action];
  if (action->mode == ACTION_MODE_OFF) {
    decision.kind = RESPONSE_SKIPPED;
    action->is_skipped = true;
  } else if (is_disabled) {
    decision.kind = RESPONSE_DISABLED;
    delay_attempt(action, DISABLED_MS, now_ms);
  } else if (apply_rate_limit(response, decision.action, now_ms)) {
    decision.kind = RESPONSE_RATE_LIMITED;
    action->is_blocked = true;
  } else {
    decision.kind = RESPONSE_ATTEMPT;
    begin_attempt(response, &decision);
  }
  return decision;
}

/* After a failure: the backoff, or the longer pause that the target wants.
 * After -EAGAIN: the pause of the driver. */
static void pause_attempts(struct response_action *action,
                           const struct response_result *result, int64_t now_ms,
                           uint32_t random) {
  int64_t asked_ms = now_ms + result->again_in_ms;
  if (result->code == -EAGAIN) {
    action->backoff.pause_ms = result->again_in_ms;
    action->backoff.not_before_ms = asked_ms;
    return;
  }
  backoff_fail(&action->backoff, now_ms, random);
  if (result->again_in_ms > 0 && asked_ms > action->backoff.not_before_ms) {
    action->backoff.not_before_ms = asked_ms;
  }
}

/* When to refresh what is as desired. A breach that came during the attempt is
 * news for an action that does more with each one. */
static int64_t get_refresh_ms(const struct response *response,
                              const struct response_action *action,
                              int64_t again_in_ms, int64_t now_ms) {
  if (again_in_ms <= 0) {
    return RESPONSE_NEVER;
  }
  bool is_news =
      response->input == RESPONSE_BREACH && !action->attempt_is_breached;
  return is_news ? now_ms : now_ms + again_in_ms;
}

void response_end_attempt(struct response *response, size_t index,
                          const struct response_result *result, int64_t now_ms,
                          uint32_t random) {
  struct response_action *action = &response->actions[index];
  enum response_action_state state = RESPONSE_ACTION_UNSURE;
  action->is_attempting = false;
  action->again_ms = RESPONSE_NEVER;
  if (result->code == 0) {
    state = action->attempt_is_on ? RESPONSE_ACTION_ON : RESPONSE_ACTION_OFF;
    action->outcome = result->outcome;
    action->again_ms =
        get_refresh_ms(response, action, result->again_in_ms, now_ms);
    backoff_reset(&action->backoff);
  } else if (action->attempt_is_on == action->is_wanted) {
    pause_attempts(action, result, now_ms, random);
  } /* a newer desired state is attempted at once */
  if (action->attempt_mode == ACTION_MODE_AUTO) {
    action->real_state = state;
  }
  /* What a dry run pretends is forgotten when the mode has changed. */
  action->state =
      action->mode == action->attempt_mode ? state : action->real_state;
}

void response_reset_rate_limit(struct response *response) {
  rate_limiter_reset(&response->rate_limit);
  for (size_t i = 0; i < response->actions_len; i++) {
    response->actions[i].is_blocked = false;
  }
}

void response_restore(struct response *response, enum response_state state,
                      int64_t engaged_for_ms, int64_t now_ms) {
  response->state = state;
  response->engaged_ms = now_ms - engaged_for_ms;
  for (size_t i = 0; i < response->rules_len; i++) {
    response->rules[i].bad_ms = now_ms;
  }
  for (size_t i = 0; i < response->actions_len; i++) {
    struct response_action *action = &response->actions[i];
    action->state = action->real_state;
    action->is_wanted =
        response_is_engaged(response) && action->state != RESPONSE_ACTION_OFF;
    action->again_ms = action->state == RESPONSE_ACTION_ON ||
                               action->is_standing || action->has_memory
                           ? now_ms
                           : RESPONSE_NEVER;
  }
}

bool response_deactivate(struct response *response) {
  bool is_engaged = response_is_engaged(response);
  response->is_deactivated = response->input != RESPONSE_CLEAR;
  if (is_engaged) {
    response->state = RESPONSE_RELEASING;
  }
  return is_engaged;
}

/* ---- what is to come ---- */

/* RESPONSE_NEVER is the largest time, so that it loses against any other. */
static int64_t min_ms(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t response_wake_ms(const struct response *response, int64_t now_ms) {
  int64_t wake_ms =
      min_ms(response_engage_at_ms(response), response_release_at_ms(response));
  if (response->input == RESPONSE_FROZEN) {
    wake_ms = min_ms(wake_ms, response->hold_until_ms);
  }
  for (size_t i = 0; i < response->actions_len; i++) {
    wake_ms = min_ms(wake_ms, get_attempt_ms(&response->actions[i], now_ms));
    wake_ms = min_ms(wake_ms, response_action_due_ms(response, i));
  }
  return wake_ms;
}

/* Actions of the configuration of which one target at least is counted. */
static size_t
count_configured(const struct response *response,
                 bool (*is_counted)(const struct response_action *action)) {
  size_t count = 0;
  size_t last = SIZE_MAX;
  for (size_t i = 0; i < response->actions_len; i++) {
    const struct response_action *action = &response->actions[i];
    if (action->configured != last && is_counted(action)) {
      last = action->configured;
      count++;
    }
  }
  return count;
}

static bool is_any(const struct response_action *action) {
  (void)action;
  return true;
}

static bool is_on_and_ours(const struct response_action *action) {
  return action->real_state == RESPONSE_ACTION_ON &&
         action->outcome != ACTION_LEFT_ALONE;
}

static bool would_be_on(const struct response_action *action) {
  return action->state == RESPONSE_ACTION_ON;
}

static bool is_wanted_by_mode(const struct response_action *action) {
  return action->is_wanted && action->mode != ACTION_MODE_OFF;
}

size_t response_count_actions(const struct response *response) {
  return count_configured(response, is_any);
}

size_t response_count_actions_on(const struct response *response) {
  return count_configured(response, is_on_and_ours);
}

size_t response_count_would_be_on(const struct response *response) {
  return count_configured(response, would_be_on);
}

bool response_is_dry_run(const struct response *response) {
  bool is_dry = false;
  for (size_t i = 0; i < response->actions_len; i++) {
    const struct response_action *action = &response->actions[i];
    if (action->mode == ACTION_MODE_AUTO ||
        action->real_state != RESPONSE_ACTION_OFF) {
      return false;
    }
    is_dry = is_dry || action->mode == ACTION_MODE_DRYRUN;
  }
  return is_dry;
}

size_t response_count_wanted(const struct response *response) {
  return count_configured(response, is_wanted_by_mode);
}

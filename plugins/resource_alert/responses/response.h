/* SPDX-License-Identifier: MIT */
/* response: decides what a response does next, from its rules and the time.
 *
 *   OFF --beyond for EngageAfter--> ENGAGING --all due actions on--> ENGAGED
 *   ENGAGING, ENGAGED --clear for ReleaseAfter--> RELEASING --all off--> OFF
 *   RELEASING --beyond for EngageAfter--> ENGAGING
 *
 * It is pure: time is an argument, and it knows no thread and no target. The
 * daemon's response_worker and the simulation of resource-alertctl both drive
 * it, so that they cannot differ. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backoff.h"
#include "resource_alert/responses/rate_limiter.h"
#include "resource_alert/responses/response_options.h"
#include "resource_alert/rules/rule.h"

/* Never, as a time. */
#define RESPONSE_NEVER INT64_MAX

enum response_state {
  RESPONSE_OFF,
  RESPONSE_ENGAGING,
  RESPONSE_ENGAGED,
  RESPONSE_RELEASING,
};

/* "OFF", "ENGAGING", ...; a literal. */
const char *response_state_name(enum response_state state);

/* The same for people and for what they read: "DRYRUN_ENGAGED" where a dry run
 * only pretends it. */
const char *response_state_label(enum response_state state, bool is_dry_run);

/* Returns false for any other text; *ret_state is then untouched. */
bool response_state_parse(const char *name, enum response_state *ret_state);

/* What the rules amount to together. */
enum response_input {
  RESPONSE_CLEAR,      /* no rule is bad enough */
  RESPONSE_RECOVERING, /* one is, but its readings are within the limits: its
                          RecoverFor is not over */
  RESPONSE_BREACH,     /* the readings of one at least are beyond its limits */
  RESPONSE_FROZEN,     /* none of that, but a series that was bad has stopped */
};

/* All times in ms. */
struct response_settings {
  int64_t engage_ms;
  int64_t release_ms;
  int64_t hold_ms;               /* how long a series that stopped counts */
  size_t max_actions;            /* an hour; 0: no limit */
  enum alert_state min_severity; /* ALERT_WARNING or ALERT_FAILURE */
};

/* One rule of the response's When or Unless. */
struct response_rule {
  const char *name;       /* borrowed */
  size_t index;           /* among all rules */
  struct rule_status now; /* set before each decision */
  bool is_breached;       /* was bad enough when it was last known */
  int64_t bad_ms;         /* when that was, or the restart */
};

/* What is known of an action. */
enum response_action_state {
  RESPONSE_ACTION_OFF,
  RESPONSE_ACTION_ON,
  RESPONSE_ACTION_UNSURE, /* an attempt was begun and its end not seen */
};

/* One action, as the decision needs it. A switch that is kept in several stores
 * is one for each store: they do not wait for each other. */
struct response_action {
  int64_t after_ms;          /* setting */
  enum action_mode own_mode; /* setting */
  size_t configured;         /* setting: its number in the configuration */
  bool is_standing;      /* setting: attempted again and again while off, too */
  enum action_mode mode; /* with off its desired state is skipped */
  bool is_wanted;        /* the desired state: on */
  bool is_tried;         /* an attempt was made since is_wanted changed */
  bool is_skipped;       /* this desired state needs no attempt: Mode off */
  bool is_blocked;       /* by the rate limit, until it is reset */
  bool is_attempting;    /* with the next three, as it was when it began */
  bool attempt_is_on;
  bool attempt_is_breached;
  enum action_mode attempt_mode;
  bool has_memory; /* restored: while off, too, there is more to undo */
  enum action_outcome outcome; /* of the last attempt that succeeded */
  enum response_action_state state;
  enum response_action_state real_state; /* without what dry runs pretend */
  struct backoff backoff;
  int64_t again_ms; /* when to attempt it again though it is as desired */
};

/* One owner, not locked. Read freely, write through the functions below. */
struct response {
  struct response_settings settings;
  struct response_rule *rules; /* owned: those of When, then of Unless */
  size_t rules_len;            /* of When */
  size_t unless_len;
  struct response_action *actions; /* owned */
  size_t actions_len;
  const struct response_rule *cause; /* the latest rule in breach; NULL: none */
  const struct response_rule *forbidden_by; /* of Unless; NULL: by none */
  bool is_forbidden_reported;
  enum response_state state;
  enum response_input input;
  int64_t breach_since_ms; /* RESPONSE_NEVER: no breach now */
  int64_t breached_ms;     /* before that, while it was not clear meanwhile */
  int64_t clear_since_ms;  /* within the limits; RESPONSE_NEVER: not so now */
  int64_t hold_until_ms;   /* of FROZEN */
  int64_t engaged_ms;      /* when the escalation began */
  bool is_deactivated;     /* engages nothing before the rules are clear */
  struct rate_limiter rate_limit;
};

/* Makes a response with actions that are all zero and rules of which nothing is
 * known, for the caller to fill in. Returns 0 or -ENOMEM. */
int response_init(struct response *response,
                  const struct response_settings *settings, size_t rules_len,
                  size_t unless_len, size_t actions_len);

/* Makes it as configured. rule_names: of all rules, by index; borrowed. stores:
 * as in response_options_find_target(). Returns 0 or -ENOMEM. */
int response_init_configured(struct response *response,
                             const struct response_options *options,
                             const struct response_rule_names *rule_names,
                             const struct option_blocks *stores);

/* Accepts all zero. */
void response_fini(struct response *response);

/* Sets the mode of each action: the strictest of its own one and MODE, that of
 * plugin and response. Where it changes, what dry runs pretended is forgotten,
 * and what is on is attempted again at once. */
void response_set_action_modes(struct response *response, enum action_mode mode,
                               int64_t now_ms);

/* Sets the mode of one action, whatever its own one is. */
void response_set_action_mode(struct response *response, size_t action,
                              enum action_mode mode, int64_t now_ms);

/* The input that results from the rules. A series that has stopped counts for
 * hold_ms if it was bad, and not at all if it was well; the other series of its
 * rule go on. A rule of which nothing is known is as it was, for hold_ms. */
enum response_input response_evaluate_rules(struct response *response,
                                            int64_t now_ms);

/* Takes the input and the time. Changes the state and the desired states.
 * Returns true if the state changed. */
bool response_step(struct response *response, enum response_input input,
                   int64_t now_ms);

/* The next action that is due for an attempt. Returns false if none is. */
bool response_find_due_action(const struct response *response, int64_t now_ms,
                              size_t *ret_action);

enum response_decision_kind {
  RESPONSE_IDLE,         /* nothing is due before response_wake_ms() */
  RESPONSE_CHANGED,      /* the state has changed */
  RESPONSE_FORBIDDEN,    /* an engagement or a step is due, but forbidden_by */
  RESPONSE_ATTEMPT,      /* an attempt begins; response_end_attempt() */
  RESPONSE_SKIPPED,      /* the action's mode is off */
  RESPONSE_DISABLED,     /* due, but is_disabled */
  RESPONSE_RATE_LIMITED, /* due, but too many actions were engaged */
};

struct response_decision {
  enum response_decision_kind kind;
  enum response_state before; /* CHANGED: from this state */
  size_t action;              /* of an attempt, or what is in its way */
  bool is_on;                 /* ATTEMPT: what is desired */
  bool is_refresh;            /* ATTEMPT: as far as known it is so already */
};

/* One decision, from the states of the rules and the time. is_disabled: no
 * attempt may be made now; what is due comes up again a second later. To be
 * called until it returns RESPONSE_IDLE. */
struct response_decision response_decide(struct response *response,
                                         bool is_disabled, int64_t now_ms);

/* How an attempt has ended. */
struct response_result {
  int code; /* 0 or negative errno; -EAGAIN: the step was made and more are to
               follow */
  enum action_outcome outcome; /* where code is 0 */
  int64_t again_in_ms; /* when to attempt it next; after a failure not before;
                          0: no need */
};

/* "better", "worse", "unchanged" (within 5 %), or "unknown": how a rule is now,
 * compared with BEFORE. A literal. */
const char *response_compare_rule(const struct rule_status *before,
                                  const struct rule_status *now);

/* The attempt at an action has ended; until then there is no other one. random:
 * 32 random bits. */
void response_end_attempt(struct response *response, size_t action,
                          const struct response_result *result, int64_t now_ms,
                          uint32_t random);

/* Resets a tripped rate limit: blocked actions become due. */
void response_reset_rate_limit(struct response *response);

/* Continues from what was saved before a restart: the state, and for how long
 * it has been engaged. The caller has set the real_state of the actions; what
 * is on stays wanted. */
void response_restore(struct response *response, enum response_state state,
                      int64_t engaged_for_ms, int64_t now_ms);

/* Releases now, whatever the rules are; while they are in breach it waits until
 * they are clear before it engages again. Returns true if the state changed. */
bool response_deactivate(struct response *response);

/* The latest time at which response_decide() must be called again even if no
 * rule changes. RESPONSE_NEVER: only when one does. */
int64_t response_wake_ms(const struct response *response, int64_t now_ms);

/* When it engages, or releases, if no rule changes before; RESPONSE_NEVER: it
 * does not. What is forbidden_by a rule waits for that. */
int64_t response_engage_at_ms(const struct response *response);
int64_t response_release_at_ms(const struct response *response);

/* When the escalation reaches an action that it has not reached yet, if no rule
 * changes before; RESPONSE_NEVER: it does not. */
int64_t response_action_due_ms(const struct response *response, size_t action);

/* True while ENGAGING or ENGAGED. */
bool response_is_engaged(const struct response *response);

/* True if all it does is pretended: no action has the mode auto, one at least
 * is a dry run, and nothing is really on. */
bool response_is_dry_run(const struct response *response);

/* How many actions of the configuration there are; how many of them are really
 * on, in one store at least, those that left their target alone excepted; how
 * many would be on without dry runs; and how many are wanted and not off by
 * mode. */
size_t response_count_actions(const struct response *response);
size_t response_count_actions_on(const struct response *response);
size_t response_count_would_be_on(const struct response *response);
size_t response_count_wanted(const struct response *response);

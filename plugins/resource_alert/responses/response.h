/* SPDX-License-Identifier: MIT */
/* response: what a response wants, as a pure state machine: rules in, the next
 * act out. It knows no clock, no thread and no target; its worker does.
 *
 *   OFF --breach for EngageAfter--> ENGAGING --all due actions on--> ENGAGED
 *   ENGAGING, ENGAGED --calm for ReleaseAfter--> RELEASING --all off--> OFF
 *   RELEASING --breach for EngageAfter--> ENGAGING
 *
 * An action of Mode off is no part of that: its wishes are passed over. */
#ifndef RESOURCE_ALERT_RESPONSES_RESPONSE_H
#define RESOURCE_ALERT_RESPONSES_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backoff.h"
#include "resource_alert/responses/rate_limiter.h"

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

/* Returns false for any other text; *ret_state is then untouched. */
bool response_state_parse(const char *name, enum response_state *ret_state);

/* What the rules say together. */
enum response_input {
  RESPONSE_CALM,   /* no rule is at the trigger */
  RESPONSE_BREACH, /* at least one is */
  RESPONSE_FROZEN, /* none is, but one that was cannot be seen any more */
};

/* All times in ms. */
struct response_rules {
  int64_t engage_ms;
  int64_t release_ms;
  int64_t stagger_ms;
  int64_t grace_ms;
  size_t max_acts; /* an hour; 0: no limit */
};

/* What is known of an action. */
enum task_state {
  TASK_OFF,
  TASK_ON,
  TASK_UNSURE, /* an act was begun and its end not seen */
};

/* One action, as the machine sees it. */
struct response_task {
  int64_t after_ms; /* rule */
  bool is_off;      /* rule: its wishes are passed over */
  bool is_wanted;
  bool is_tried;  /* this wish was tried before: the next try is no new act */
  bool is_passed; /* this wish was passed over: it needs no act */
  enum task_state state;
  struct backoff
      backoff;      /* the rules first_ms and max_ms set by response_init */
  int64_t again_ms; /* when to look after it again */
};

/* One owner, not locked. Read freely, write through the functions below. */
struct response {
  struct response_rules rules;
  struct response_task *tasks; /* owned */
  size_t tasks_len;
  enum response_state state;
  enum response_input input;
  int64_t breach_since_ms; /* RESPONSE_NEVER: no breach now */
  int64_t calm_since_ms;   /* RESPONSE_NEVER: no calm now */
  int64_t changed_ms;      /* since when the state is what it is */
  int64_t engaged_ms;      /* when the escalation began */
  int64_t grace_until_ms;
  bool is_dismissed; /* released by hand: nothing is engaged before a calm */
  struct rate_limiter rate_limiter;
};

/* after_ms: one for each of the tasks_len actions.
 * Returns 0 or -ENOMEM. */
int response_init(struct response *response, const struct response_rules *rules,
                  const int64_t *after_ms, size_t tasks_len, int64_t now_ms);
void response_fini(struct response *response);

/* Takes the rules' word and the time. Changes the state and what is wanted.
 * Returns true if the state changed. */
bool response_step(struct response *response, enum response_input input,
                   int64_t now_ms);

/* The next act that is due now: *ret_task is to be brought to its request, or,
 * where it is there, looked after again. Returns false if there is none. */
bool response_next(const struct response *response, int64_t now_ms,
                   size_t *ret_task);

/* True if this act, begun now, is a new one that the rate_limiter has to count;
 * a full rate_limiter latches and the act may not be done. */
bool response_rate_limit_stops(struct response *response, size_t task,
                               int64_t now_ms);

/* An act is begun: until response_done() its outcome is unsure. */
void response_begin(struct response *response, size_t task);

/* An act has ended. is_on: what was wished when it began. code: 0 or negative
 * errno; -EAGAIN: as far as it went it is right. again_in_ms: look after it so
 * long from now, and after a failure not before; 0: no need. random: 32 random
 * bits. */
void response_done(struct response *response, size_t task, bool is_on, int code,
                   int64_t again_in_ms, int64_t now_ms, uint32_t random);

/* The act may not be done now: it comes up again in in_ms. */
void response_defer(struct response *response, size_t task, int64_t in_ms,
                    int64_t now_ms);

/* The wish for an action that is off is known: it needs no act, and keeps the
 * response from nothing, until it changes. */
void response_pass(struct response *response, size_t task);

/* The mode of an action has changed. is_off: its wishes are passed over from
 * now on; a response whose actions are all off does not engage. state: what is
 * really known of it, whatever a dry run has pretended. The wish is taken up
 * anew, what is on is looked after at once. */
void response_renew(struct response *response, size_t task, bool is_off,
                    enum task_state state, int64_t now_ms);

/* Goes on from what was kept over a restart: the state, and for how long it
 * has been engaged. The tasks' states are set by the caller before; what is on
 * stays wanted. The rules have not been seen yet. */
void response_restore(struct response *response, enum response_state state,
                      int64_t engaged_for_ms, int64_t now_ms);

/* Undoes all now, whatever the rules say; where they still call for the
 * response, it waits for a calm before it engages again. */
void response_dismiss(struct response *response, int64_t now_ms);

/* Brings the next action of the escalation forward to now, those behind it by
 * the same time. Returns false if there is none left. */
bool response_escalate(struct response *response, int64_t now_ms);

/* The latest time at which response_step() must be called again, even if no
 * rule changes. RESPONSE_NEVER: only when one does. */
int64_t response_wake_ms(const struct response *response, int64_t now_ms);

/* When it will engage, or be released, as things are; RESPONSE_NEVER: not. */
int64_t response_engage_at_ms(const struct response *response);
int64_t response_release_at_ms(const struct response *response);

/* When the escalation, which rests while no rule is at the trigger, reaches a
 * task, or its undoing does. */
int64_t response_due_ms(const struct response *response, size_t task);

/* True if it has yet to be reached so. */
bool response_awaits(const struct response *response, size_t task);

/* True while ENGAGING or ENGAGED. */
bool response_is_engaged(const struct response *response);

/* How many actions that are not off are wanted, and how many are on. */
size_t response_wanted(const struct response *response);
size_t response_level(const struct response *response);

#endif

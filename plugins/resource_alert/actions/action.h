/* SPDX-License-Identifier: MIT */
/* action: the interface of all actions, and the table of their drivers.
 *
 * A driver brings its target to a desired state, on or off (set), and reads it
 * back (confirm). action_runner calls it and journals. Each action has a thread
 * of its own, and a driver is called by it alone. It waits only until the
 * call's deadline or until the call is cancelled, and logs nothing. A new one
 * is a file with a driver, a row in action.c and one in the options of a
 * <Response>. */
#pragma once

#include "core/error.h"
#include "core/option.h"
#include "resource_alert/clients/action_call.h"

/* How much of a decision is carried out; the largest of plugin, response and
 * action applies. */
enum action_mode {
  ACTION_MODE_AUTO,
  ACTION_MODE_DRYRUN,
  ACTION_MODE_OFF,
};

extern const char *const action_mode_words[];

/* The beginning of each action's options. */
struct action_options {
  struct option_head head;
  int64_t after_s;
  int mode;         /* enum action_mode */
  double timeout_s; /* for one attempt */
  char *pool;       /* of dbpool, whose values the requests have; NULL: none */
  int64_t connections;  /* that one replica opens to it; 0: there is no pool */
  int64_t replicas_max; /* of <Scale>; else 0 */
};

struct kubernetes_options;
struct switch_store_options;

/* What all actions of a response are made with; borrowed, outlives them. */
struct action_deps {
  const char *response;
  const char *host;
  const char *identity; /* of this daemon, kept over renames; NULL: none */
  const char *helper_dir;
  const struct option_blocks *stores;          /* struct switch_store_options */
  const struct kubernetes_options *kubernetes; /* or its defaults */
};

/* The desired state, and its details for the target. Strings are borrowed. */
struct action_request {
  bool is_on;
  bool is_breached; /* a rule requires it now; if false, an action that is on
                       stays on, until the release or the next breach */
  const char *response;
  const char *host;
  const char *cause; /* the rule that called for it */
  const char *state; /* of that rule: "WARNING", ... */
  double value;      /* of the rule's worst series; NaN: not known */
  double left;     /* connections that the action's pool may still open, and */
  double open;     /* those it has; NaN: not known, or no fresh value */
  unsigned level;  /* actions of the response that are wanted */
  int64_t since_s; /* of the response's engagement, since the epoch */
  int64_t now_s;   /* since the epoch */
};

/* What a simulation assumes of an action's target; all zero at first. */
struct action_world {
  int64_t added;     /* replicas */
  char blocked[256]; /* why the last step was blocked; "": it was not */
};

#define ACTION_OWNER_BYTES 256

/* The beginning of each driver's action: what it was made with. */
struct action {
  const void *options; /* the driver's own struct; borrowed, as are the next */
  const struct action_deps *deps;
  const struct switch_store_options *store; /* where is_in_each_store */
  struct kubernetes
      *kubernetes; /* owned; NULL unless driver or store needs it */
  char owner[ACTION_OWNER_BYTES]; /* "IDENTITY/RESPONSE", or "HOST/RESPONSE"
                      where there is no identity: marks what it has changed */
};

/* How the kinds of actions differ. The functions that may be NULL say so. */
struct action_driver {
  struct option_block block;
  bool is_standing;      /* set is called regularly while off, too */
  bool is_in_each_store; /* there is one action for each <SwitchStore> */
  bool needs_kubernetes; /* the action has a client of the Kubernetes API */
  size_t size;           /* of the driver's action */

  /* Writes what an action without a label is about, "trading/api", in a form
   * that stays the same over a restart. NULL: it always has a label. */
  void (*format_subject)(const void *options, char *text, size_t bytes);

  /* Checks at the start whether it can work at all. Changes nothing. Returns 0;
   * -EINVAL for a mistake in the configuration, with what to write instead;
   * another negative errno if it cannot work yet. NULL: always. */
  int (*check)(const void *options, const struct action_deps *deps,
               struct error *error);

  /* Makes the rest of an action, zero behind its beginning. Returns 0 or a
   * negative errno; fini is called also then. NULL: there is no more. */
  int (*init)(void *action, struct error *error);
  void (*fini)(void *action); /* NULL: nothing to free */

  /* Brings the target to the desired state; a second time changes nothing.
   * Returns 0; -ECANCELED; -EAGAIN with again_in_ms when there is more to do
   * later; else a negative errno, and the call is repeated. What it found goes
   * into the call's outcome: LEFT_ALONE where the target is another's or stands
   * so on purpose, GONE where there is none, CONFIRMED where it was read back
   * here. */
  int (*set)(void *action, const struct action_request *request,
             struct action_call *call);

  /* Reads back, which makes the outcome CONFIRMED where none was noted. Returns
   * 0, or -ESTALE if the target is not as desired. NULL: there is nothing more
   * to read; the outcome is UNCONFIRMED where none was noted. */
  int (*confirm)(void *action, const struct action_request *request,
                 struct action_call *call);

  /* Does what set would do to a target that obeys at once. It needs no action,
   * and of the call only note and what is out. NULL: the target is as desired,
   * confirmed. */
  void (*simulate)(const void *options, const struct action_request *request,
                   struct action_world *world, struct action_call *call);

  /* Tests the target without changing it. NULL: that is not possible. */
  int (*self_test)(void *action, struct action_call *call);
};

/* The driver's check, and that there is a token if it needs one. */
int action_check(const struct action_driver *driver, const void *options,
                 const struct action_deps *deps, struct error *error);

/* options, store, deps: borrowed for the action's life. store: NULL unless
 * is_in_each_store. *ret: yours, action_free(). Returns 0 or a negative errno.
 */
int action_new(const struct action_driver *driver, const void *options,
               const struct switch_store_options *store,
               const struct action_deps *deps, struct action **ret,
               struct error *error);
void action_free(const struct action_driver *driver,
                 struct action *action); /* accepts NULL */

/* "2026-01-31T12:00:00Z" and the like. time_s: since the epoch. */
#define ACTION_TIME_BYTES 32
void action_format_time(int64_t time_s, char text[ACTION_TIME_BYTES]);

/* The document that commands and webhooks get:
 *   {"version": 1, "event": "engage" or "release", "response": NAME,
 *    "host": NAME, "rule": NAME, "state": "WARNING", "value": NUMBER or null,
 *    "level": 2, "since": TIME, "time": TIME}
 * Returns yours, json_decref(); NULL when memory is short. */
json_t *action_payload_new(const struct action_request *request);

#define ACTION_AFTER_HELP                                                      \
  "Time between the engagement of the response and this action, for "          \
  "escalation. The action starts only while a rule is beyond its limits."
#define ACTION_MODE_HELP "Like B<Mode> of the plugin, for this action."
#define ACTION_TIMEOUT_HELP                                                    \
  "Time limit of one attempt. A failed attempt is retried, after increasing "  \
  "pauses of up to one minute."

/* The options that every action's table begins with. */
#define ACTION_OPTION_ROWS(timeout_text)                                       \
  {OPTION("After", INTEGER, struct action_options, after_s),                   \
   .min = 0,                                                                   \
   .max = 86400,                                                               \
   .default_text = "0",                                                        \
   .unit = "seconds",                                                          \
   .help = ACTION_AFTER_HELP},                                                 \
      {OPTION("Mode", WORD, struct action_options, mode),                      \
       .words = action_mode_words, .default_text = "auto",                     \
       .help = ACTION_MODE_HELP},                                              \
  {                                                                            \
    OPTION("Timeout", NUMBER, struct action_options, timeout_s),               \
        .min = 0.1, .max = 300, .default_text = timeout_text,                  \
        .unit = "seconds", .help = ACTION_TIMEOUT_HELP                         \
  }

enum action_kind {
  ACTION_SWITCH,
  ACTION_EXEC,
  ACTION_WEBHOOK,
  ACTION_SCALE,
  ACTION_CRONJOB,
  ACTION_HAPROXY,
  ACTION_KINDS, /* how many there are */
};

extern const struct action_driver action_switch_driver;
extern const struct action_driver action_exec_driver;
extern const struct action_driver action_webhook_driver;
extern const struct action_driver action_scale_driver;
extern const struct action_driver action_cronjob_driver;
extern const struct action_driver action_haproxy_driver;

/* By enum action_kind. */
extern const struct action_driver *const action_drivers[ACTION_KINDS];

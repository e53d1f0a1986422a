/* SPDX-License-Identifier: MIT */
/* action: the interface of all actions, and the table of their drivers. */
#ifndef RESOURCE_ALERT_ACTIONS_ACTION_H
#define RESOURCE_ALERT_ACTIONS_ACTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/option.h"
#include "resource_alert/alerts/alert.h"

/* How much of a decision becomes an act; the largest of plugin, response and
 * action counts. */
enum action_mode {
  ACTION_MODE_AUTO,
  ACTION_MODE_DRYRUN,
  ACTION_MODE_OFF,
};

extern const char *const action_mode_words[];

/* Each action's options begin so. */
struct action_options {
  struct option_head head;
  int64_t after_s;
  int mode;         /* enum action_mode */
  double timeout_s; /* for one try */
};

/* Checks of options: an absolute path; a name that can stand in a path, a key,
 * a URL or a line of any protocol: letters, digits, '_', '-' and '.', not
 * first, up to 63 of them. Return 0 or -EINVAL with the reason. */
int action_check_absolute(const char *value, struct error *error);
int action_check_name(const char *value, struct error *error);

struct action_deps;
struct kubernetes_options;

/* The check of actions that need the Kubernetes API. */
int action_check_kubernetes(const void *options, const struct action_deps *deps,
                            struct error *error);

/* What all actions of a response are made with; borrowed, outlives them. */
struct action_deps {
  const char *response;
  const char *host;
  const char *helper_dir;
  size_t stores_len;            /* how many <SwitchStore> there are */
  struct switch_stores *stores; /* NULL while only checked */
  const struct kubernetes_options *kubernetes; /* the defaults, if need be */
};

/* Why and since when, for those who are told. Strings are borrowed. */
struct action_request {
  bool is_on;
  bool is_breached; /* a rule is at the trigger now; else what is on is only
                       kept on, until the release or the rule's return */
  const char *response;
  const char *host;
  const char *cause; /* the rule that called for it */
  enum alert_state severity;
  double value;   /* of the series of that rule that is worst; NaN: not known */
  unsigned level; /* actions of the response that are wanted */
  int64_t since_s; /* of the response's engagement, since the epoch */
  int64_t now_s;   /* since the epoch */
};

/* One call of a driver. */
struct action_call {
  int64_t deadline_ms; /* monotonic */
  int cancel_fd;       /* becomes readable when collectd stops; -1: never */
  /* What the action must not forget, for instance what it found before it
   * changed it: an object, changed by the driver, kept over a restart. */
  json_t *memory;
  bool is_refresh;  /* it is as wished, as far as is known: a look after it */
  int64_t replicas; /* out: how many there are now; -1: it is not about that */
  int64_t again_in_ms; /* out: call set again so long from now although it
                          succeeded, or with -EAGAIN; 0: no need */
  int64_t pause_ms;    /* out: the target asks for no further try before; 0: it
                          does not */
  /* Writes the memory to the disk at once; for before an act. */
  void (*save)(void *context);
  /* One line in the journal. fields: taken. */
  void (*note)(void *context, const char *step, json_t *fields);
  void *context;
};

struct action_driver {
  const struct option_block *block;
  bool is_standing; /* set is called again and again while off, too */

  /* Writes what the action is about, "limit_noncore_api" or "trading/api", in
   * a form that stays the same over a restart. */
  void (*describe)(const void *options, char *text, size_t bytes);

  /* Looks at start whether it can work at all, without changing anything.
   * Returns 0 or -EINVAL with what to write instead. NULL: always. */
  int (*check)(const void *options, const struct action_deps *deps,
               struct error *error);

  /* options, deps: borrowed for the action's life. *ret: yours, free(). */
  int (*new)(const void *options, const struct action_deps *deps, void **ret,
             struct error *error);

  /* Brings the world to the request; a second time changes nothing.
   * Returns 0; -ECANCELED when cancelled; -EAGAIN with again_in_ms when there
   * is more to do later; else a negative errno and the call is repeated. */
  int (*set)(void *action, const struct action_request *request,
             struct action_call *call, struct error *error);

  /* Reads back. Returns 0, or -ESTALE where the world is not as wished. NULL:
   * the answer to set is all that can be known. */
  int (*confirm)(void *action, const struct action_request *request,
                 struct action_call *call, struct error *error);

  /* A fire drill: goes the whole way without effect. NULL: there is none. */
  int (*self_test)(void *action, struct action_call *call, struct error *error);

  void (*free)(void *action); /* accepts NULL */
};

/* "2026-01-31T12:00:00Z" and the like. time_s: since the epoch. */
#define ACTION_TIME_BYTES 32
void action_format_time(int64_t time_s, char text[ACTION_TIME_BYTES]);

/* The document that commands and webhooks get:
 *   {"version": 1, "event": "engage" or "release", "response": NAME,
 *    "host": NAME, "rule": NAME, "state": "WARNING", "value": NUMBER or null,
 *    "level": 2, "since": TIME, "time": TIME}
 * Returns yours, json_decref(), or as text, free(); NULL when memory is
 * short. */
json_t *action_payload_new(const struct action_request *request);
char *action_payload_format(const struct action_request *request);

#define ACTION_AFTER_HELP                                                      \
  "Escalation: engage this action only so long after the response has "        \
  "engaged, and while a rule calls for it."
#define ACTION_MODE_HELP "As B<Mode> of the plugin, for this action."
#define ACTION_TIMEOUT_HELP                                                    \
  "How long one try may take; then it has failed and is repeated, with "       \
  "growing pauses of up to a minute."

/* The rules that every action's table begins with. */
#define ACTION_OPTION_ROWS(timeout_text)                                       \
  {.name = "After",                                                            \
   .kind = OPTION_INTEGER,                                                     \
   .offset = offsetof(struct action_options, after_s),                         \
   .min = 0,                                                                   \
   .max = 86400,                                                               \
   .default_text = "0",                                                        \
   .unit = "seconds",                                                          \
   .help = ACTION_AFTER_HELP},                                                 \
      {.name = "Mode",                                                         \
       .kind = OPTION_WORD,                                                    \
       .offset = offsetof(struct action_options, mode),                        \
       .words = action_mode_words,                                             \
       .default_text = "auto",                                                 \
       .help = ACTION_MODE_HELP},                                              \
  {                                                                            \
    .name = "Timeout", .kind = OPTION_NUMBER,                                  \
    .offset = offsetof(struct action_options, timeout_s), .min = 0.1,          \
    .max = 300, .default_text = timeout_text, .unit = "seconds",               \
    .help = ACTION_TIMEOUT_HELP                                                \
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

extern const struct option_block action_switch_block;
extern const struct option_block action_exec_block;
extern const struct option_block action_webhook_block;
extern const struct option_block action_scale_block;
extern const struct option_block action_cronjob_block;
extern const struct option_block action_haproxy_block;

extern const struct action_driver action_switch_driver;
extern const struct action_driver action_exec_driver;
extern const struct action_driver action_webhook_driver;
extern const struct action_driver action_scale_driver;
extern const struct action_driver action_cronjob_driver;
extern const struct action_driver action_haproxy_driver;

/* By enum action_kind. */
extern const struct action_driver *const action_drivers[ACTION_KINDS];

#endif

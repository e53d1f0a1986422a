/* SPDX-License-Identifier: MIT */
/* rule: the rules of the configuration: which series each one watches, its
 * limits, and its current state. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "core/error.h"
#include "core/metric.h"
#include "core/option.h"
#include "resource_alert/alerts/alert.h"
#include "resource_alert/rules/condition.h"
#include "resource_alert/rules/metric_selector.h"
#include "resource_alert/rules/notification_rule.h"
#include "resource_alert/rules/rule_options.h"
#include "resource_alert/rules/threshold_compat.h"

/* The worst alert of a rule. Written under the lock; read without. */
struct rule_worst {
  pthread_mutex_t lock;
  _Atomic(const struct alert *) alert; /* only compared; NULL: the next alert in
                                          the rule's worst state becomes it */
  _Atomic int rank;                    /* alert_state_rank() of its state */
  _Atomic double badness;              /* see alert_compute_badness() */
  _Atomic double value;                /* NaN: none was evaluated yet */
};

/* What one alert says to the responses. */
enum rule_claim {
  RULE_CLAIM_NONE,           /* within its limits, or recovering */
  RULE_CLAIM_BEYOND_WARNING, /* the state is WARNING or worse, and the last
                                reading was beyond a limit */
  RULE_CLAIM_BEYOND_FAILURE, /* the same for FAILURE */
  RULE_CLAIM_HELD_WARNING,   /* the series stopped in WARNING */
  RULE_CLAIM_HELD_FAILURE,   /* the series stopped in FAILURE */
  RULE_CLAIMS,               /* how many there are */
};

struct rule {
  struct rule_limits limits;
  struct condition only_if[CONDITIONS_MAX]; /* all zero: none */
  bool is_stock;           /* from a block of collectd's threshold plugin: its
                              notifications have the names of the series */
  bool is_persistent;      /* only stock: each bad reading is notified */
  bool is_okay_persistent; /* only stock: each okay reading is notified */
  const struct notification_rule_options
      *notification;                   /* NULL: fed by values */
  struct threshold_compat_scope scope; /* only stock */
  char *owned_name;                    /* only stock; owned */
  const char *name;    /* all up to failure_word borrowed from the options */
  const char *message; /* these three NULL: the text that is logged */
  const char *message_okay;
  const char *message_missing;
  const char *unit;
  const char *runbook; /* these two: URLs; NULL: none */
  const char *link;
  const char *warning_word; /* these two: see Severity */
  const char *failure_word;
  size_t index;                      /* among all rules */
  struct metric_selector *selectors; /* owned, as the next one */
  size_t selectors_len;
  struct metric_selector *exceptions; /* series that it leaves out */
  size_t exceptions_len;
  /* How many of its alerts are in which state. */
  _Atomic uint32_t counts[ALERT_STATES];
  _Atomic uint32_t claims[RULE_CLAIMS]; /* and which claim */
  _Atomic int64_t held_ms; /* monotonic: when a series stopped in a bad state */
  struct rule_worst worst;
};

/* First those of <Threshold> blocks, then those of <Notification> blocks, then
 * those of the threshold plugin's blocks. */
struct rules {
  struct rule *items;
  size_t len;
  size_t thresholds_len;
  size_t named_len;    /* <Threshold> and <Notification> */
  bool has_conditions; /* some rule has an OnlyIf */
};

/* What rules are made of. */
struct rules_options {
  struct option_blocks thresholds;    /* struct rule_options */
  struct option_blocks notifications; /* struct notification_rule_options */
  struct threshold_compat_options stock;
};

/* options: borrowed for as long as the rules live. Returns 0, -ENOMEM, or
 * -EINVAL for a Metric that cannot be parsed. */
int rules_init(struct rules *rules, const struct rules_options *options,
               struct error *error);

/* Accepts NULL and all zero rules. */
void rules_fini(struct rules *rules);

/* Adds a rule without limits, name or selectors, during rules_init(). It stays
 * where it is until the next one is added. NULL when memory is short. */
struct rule *rules_add(struct rules *rules);

/* Finds the rules with a Metric line that matches the series, each once, in
 * their order, and the most specific ones of the stock rules. names: of the
 * subject. ret_matched: of rules->len. Returns how many. */
size_t rules_match(const struct rules *rules,
                   const struct metric_selector_subject *subject,
                   const struct reading_names *names,
                   struct rule **ret_matched);

/* True if RULE, which matches the series, watches this data source of it. */
bool rule_watches_source(const struct rule *rule,
                         const struct metric_selector_subject *subject,
                         const char *source);

/* ALERT, one of the rule's, was evaluated. Any thread, under the lock of its
 * series; takes a further one only for the worst alert and those that are
 * worse. */
void rule_update_worst(struct rule *rule, const struct alert *alert);

/* ALERT is freed next. */
void rule_forget_alert(struct rule *rule, const struct alert *alert);

/* The value of the rule's worst series, as it was evaluated last; NaN if none
 * was evaluated yet. When that one gets better than another one, its last bad
 * value stays until the next reading of the other one. Any thread. */
double rule_worst_value(const struct rule *rule);

/* The worst state over all series of a rule, UNKNOWN if it has none. Any
 * thread. */
enum alert_state rule_worst_state(const struct rule *rule);

/* What the series of a rule amount to, for the responses. */
struct rule_status {
  enum alert_state state;  /* rule_worst_state() */
  enum alert_state beyond; /* the worst of those whose last reading was beyond a
                              limit; OKAY: none was */
  enum alert_state held;   /* the worst in which a series stopped; OKAY: none */
  bool is_known;           /* the last reading of a series gave its state */
  int64_t held_ms;         /* when the last one in "held" stopped */
  double value;            /* rule_worst_value() */
  double badness;          /* of that; see struct rule_worst */
};

/* Any thread. */
struct rule_status rule_get_status(const struct rule *rule);

/* ALERT was evaluated or restored: *claim, kept with it, follows. Any thread,
 * under the lock of its series. */
void rule_update_claim(struct rule *rule, const struct alert *alert,
                       uint8_t *claim);

/* The series of an alert has stopped, which was in the state FROM. */
void rule_hold_claim(struct rule *rule, const struct alert *alert,
                     enum alert_state from, int64_t now_ms, uint8_t *claim);

/* ALERT was set back to one without a reading. */
void rule_reset_alert(struct rule *rule, const struct alert *alert,
                      uint8_t *claim);

/* True if no series matches the rule. Any thread. */
bool rule_is_idle(const struct rule *rule);

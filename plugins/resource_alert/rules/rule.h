/* SPDX-License-Identifier: MIT */
/* rule: the threshold table, ready for use: which rule watches which series,
 * and what it demands. Never changed once made; but for the counts. */
#ifndef RESOURCE_ALERT_RULES_RULE_H
#define RESOURCE_ALERT_RULES_RULE_H

#include <stdatomic.h>
#include <stddef.h>

#include "core/error.h"
#include "core/metric.h"
#include "core/notification.h"
#include "core/option.h"
#include "resource_alert/alerts/alert.h"
#include "resource_alert/rules/condition.h"
#include "resource_alert/rules/metric_selector.h"
#include "resource_alert/rules/notification_rule.h"
#include "resource_alert/rules/threshold_compat.h"

struct rule {
  struct alert_limits limits;
  struct condition only_if; /* all zero: none */
  bool is_percentage;
  bool is_persistent;      /* told with every reading that is not okay */
  bool is_okay_persistent; /* told with every reading that is okay */
  bool is_stock;           /* from a block of collectd's threshold plugin: its
                              notifications bear the names of the series */
  const struct notification_rule_options
      *notification;               /* NULL: fed by values */
  const struct stock_scope *scope; /* NULL unless is_stock */
  char *owned_name;                /* likewise; owned */
  const char *name;                /* these three borrowed from the options */
  const char *message;             /* NULL: the verdict */
  const char *unit;
  const char *warning_word; /* these two: see Severity */
  const char *failure_word;
  size_t index;                         /* among all rules */
  size_t first_selector, selectors_len; /* in struct rules */
  /* How many of its alerts are in which state. */
  _Atomic uint32_t counts[ALERT_STATES];
  /* Of the worst of its alerts: the value, the state, and which one it is of
   * (NULL: of one that is the worst no more). */
  _Atomic double worst_value;
  _Atomic int worst_state;
  _Atomic(const struct alert *) worst_alert;
};

/* First those of <Threshold> blocks, then those of <Notification> blocks, then
 * stock's. */
struct rules {
  struct rule *items;
  size_t len;
  size_t thresholds_len;
  size_t named_len;           /* <Threshold> and <Notification> */
  bool has_conditions;        /* some rule has an OnlyIf */
  struct selector *selectors; /* of all rules, in their order */
  size_t selectors_len;
  size_t *owners;             /* owners[i]: index of the rule of selectors[i] */
  struct stock_scope *scopes; /* of stock's rules */
};

/* What rules are made of, each NULL if there is none. Borrowed for as long as
 * the rules live. */
struct rules_source {
  const struct option_blocks *thresholds; /* struct threshold_options */
  const struct option_blocks
      *notifications; /* struct notification_rule_options */
  const struct stock_options *stock;
};

/* Returns 0, -ENOMEM, or -EINVAL for a Metric that cannot be parsed. */
int rules_init(struct rules *rules, const struct rules_source *source,
               struct error *error);

/* Accepts NULL and all zero rules. */
void rules_fini(struct rules *rules);

/* Finds the rules with a Metric line that matches the series, each once, in
 * their order, and of the stock rules the most special ones. names: of the
 * subject. ret_matched: room for all rules. Returns how many. */
size_t rules_match(const struct rules *rules,
                   const struct selector_subject *subject,
                   const struct reading_names *names,
                   struct rule **ret_matched);

/* True if some rule's OnlyIf may look at the series. */
bool rules_look_at(const struct rules *rules,
                   const struct reading_names *names);

/* True if ROW watches this data source of the series. */
bool rules_watch_source(const struct rules *rules, const struct rule *rule,
                        const struct selector_subject *subject,
                        const char *source);

/* True if no series matches the rule. Any thread. */
bool rule_is_idle(const struct rule *rule);

/* The worst state over all series of a rule, UNKNOWN if it has none. Any
 * thread. */
enum alert_state rule_worst(const struct rule *rule);

/* The value of the worst of its alerts when that was judged last, NaN if there
 * was none yet. Any thread. */
double rule_worst_value(const struct rule *rule);

/* For rule_worst_value(): ALERT, one of the rule's, was judged, or is freed
 * next. Under the lock of its series. */
void rule_note_value(struct rule *rule, const struct alert *alert);
void rule_forget_value(struct rule *rule, const struct alert *alert);

#endif

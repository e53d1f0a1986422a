/* SPDX-License-Identifier: MIT */
/* rule: the threshold table, ready for use. */
#include "resource_alert/rules/rule.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/rules/rule_options.h"

static int64_t to_ms(double seconds) { return (int64_t)(seconds * 1000); }

static int rule_init(struct rule *rule, const struct threshold_options *options,
                     struct error *error) {
  rule->limits = (struct alert_limits){
      .warning_min = options->warning_min,
      .warning_max = options->warning_max,
      .failure_min = options->failure_min,
      .failure_max = options->failure_max,
      .hysteresis = options->hysteresis,
      .for_ms = to_ms(options->for_s),
      .recover_ms = to_ms(options->recover_s),
      .repeat_ms = to_ms(options->repeat_s),
      .flap_window_ms = to_ms(options->flap_window_s),
      .flap_limit = (uint32_t)options->flap_limit,
      .hits = (uint32_t)options->hits,
      .missing = (enum alert_missing)options->missing,
      .is_inverted = options->is_inverted,
  };
  rule->is_percentage = options->is_percentage;
  rule->is_persistent = options->is_persistent;
  rule->is_okay_persistent = options->is_okay_persistent;
  rule->name = options->head.label;
  rule->message = options->message;
  rule->unit = options->unit;
  if (options->severities.len == 2) {
    rule->warning_word = options->severities.items[0];
    rule->failure_word = options->severities.items[1];
  }
  return options->only_if.len == 0 ? 0
                                   : condition_parse(options->only_if.items[0],
                                                     options->only_if.items[1],
                                                     &rule->only_if, error);
}

static int add_selectors(struct rules *rules, size_t rule,
                         const struct option_strings *metrics,
                         struct error *error) {
  rules->items[rule].first_selector = rules->selectors_len;
  rules->items[rule].selectors_len = metrics->len;
  for (size_t i = 0; i < metrics->len; i++) {
    struct selector *selector = &rules->selectors[rules->selectors_len];
    int code = selector_parse(metrics->items[i], selector, error);
    if (code != 0) {
      return code;
    }
    rules->owners[rules->selectors_len++] = rule;
  }
  return 0;
}

/* warning and failure are 1 and 2; a time that is up is all that is missed. */
static void
notification_rule_init(struct rule *rule,
                       const struct notification_rule_options *options) {
  rule->limits = (struct alert_limits){
      .warning_min = (double)NAN,
      .warning_max = 0.5,
      .failure_min = (double)NAN,
      .failure_max = 1.5,
      .missing = ALERT_MISSING_OKAY,
  };
  rule->notification = options;
  rule->name = options->head.label;
  rule->unit = "";
}

static size_t blocks_len(const struct option_blocks *blocks) {
  return blocks == NULL ? 0 : blocks->len;
}

static int allocate(struct rules *rules, const struct rules_source *source) {
  size_t stock_len =
      source->stock == NULL ? 0 : stock_rules_count(source->stock);
  size_t thresholds_len = blocks_len(source->thresholds);
  size_t named_len = thresholds_len + blocks_len(source->notifications);
  size_t selectors = 0;
  for (size_t i = 0; i < thresholds_len; i++) {
    const struct threshold_options *options = source->thresholds->items;
    selectors += options[i].metrics.len;
  }
  *rules = (struct rules){
      .items = calloc(named_len + stock_len + 1, sizeof(*rules->items)),
      .selectors = calloc(selectors + 1, sizeof(*rules->selectors)),
      .owners = calloc(selectors + 1, sizeof(*rules->owners)),
      .scopes = calloc(stock_len + 1, sizeof(*rules->scopes)),
      .len = named_len + stock_len,
      .thresholds_len = thresholds_len,
      .named_len = named_len,
  };
  bool is_there = rules->items != NULL && rules->selectors != NULL &&
                  rules->owners != NULL && rules->scopes != NULL;
  if (!is_there) {
    rules->len = 0;
  }
  return is_there ? 0 : -ENOMEM;
}

static int fill_thresholds(struct rules *rules,
                           const struct option_blocks *thresholds,
                           struct error *error) {
  int code = 0;
  for (size_t i = 0; i < rules->thresholds_len && code == 0; i++) {
    const struct threshold_options *options = thresholds->items;
    code = rule_init(&rules->items[i], &options[i], error);
    rules->has_conditions =
        rules->has_conditions || rules->items[i].only_if.text != NULL;
    if (code == 0) {
      code = add_selectors(rules, i, &options[i].metrics, error);
    }
  }
  return code;
}

static int fill(struct rules *rules, const struct rules_source *source,
                struct error *error) {
  int code = fill_thresholds(rules, source->thresholds, error);
  for (size_t i = rules->thresholds_len; i < rules->named_len; i++) {
    const struct notification_rule_options *options =
        source->notifications->items;
    notification_rule_init(&rules->items[i],
                           &options[i - rules->thresholds_len]);
  }
  if (code == 0 && source->stock != NULL) {
    code = stock_rules_fill(source->stock, rules->items + rules->named_len,
                            rules->scopes);
  }
  for (size_t i = 0; i < rules->len; i++) {
    struct rule *rule = &rules->items[i];
    rule->index = i;
    rule->warning_word =
        rule->warning_word == NULL ? "warning" : rule->warning_word;
    rule->failure_word =
        rule->failure_word == NULL ? "failure" : rule->failure_word;
  }
  return code;
}

/* No alert was judged yet. */
static void init_worst_values(struct rules *rules) {
  for (size_t i = 0; i < rules->len; i++) {
    atomic_init(&rules->items[i].worst_value, (double)NAN);
  }
}

int rules_init(struct rules *rules, const struct rules_source *source,
               struct error *error) {
  int code = allocate(rules, source);
  if (code == 0) {
    code = fill(rules, source, error);
  }
  if (code == -ENOMEM) {
    (void)error_set(error, code, "out of memory");
  }
  if (code != 0) {
    rules_fini(rules);
    return code;
  }
  init_worst_values(rules);
  return 0;
}

void rules_fini(struct rules *rules) {
  if (rules == NULL) {
    return;
  }
  for (size_t i = 0; i < rules->selectors_len; i++) {
    selector_fini(&rules->selectors[i]);
  }
  for (size_t i = 0; i < rules->len; i++) {
    condition_fini(&rules->items[i].only_if);
    free(rules->items[i].owned_name);
  }
  free(rules->scopes);
  free(rules->selectors);
  free(rules->owners);
  free(rules->items);
  memset(rules, 0, sizeof(*rules));
}

/* The most special stock rules that fit. Returns how many. */
static size_t match_stock(const struct rules *rules,
                          const struct reading_names *names,
                          struct rule **ret_matched) {
  int best = -1;
  size_t len = 0;
  for (size_t i = rules->named_len; i < rules->len; i++) {
    struct rule *rule = &rules->items[i];
    int rank = stock_scope_rank(rule->scope, names);
    if (rank > best) {
      best = rank;
      len = 0;
    }
    if (rank >= 0 && rank == best) {
      ret_matched[len++] = rule;
    }
  }
  return len;
}

size_t rules_match(const struct rules *rules,
                   const struct selector_subject *subject,
                   const struct reading_names *names,
                   struct rule **ret_matched) {
  size_t len = 0;
  for (size_t i = 0; i < rules->selectors_len; i++) {
    if (selector_matches(&rules->selectors[i], subject)) {
      struct rule *rule = &rules->items[rules->owners[i]];
      ret_matched[len++] = rule;
      i = rule->first_selector + rule->selectors_len - 1; /* the next rule */
    }
  }
  return len + match_stock(rules, names, ret_matched + len);
}

bool rules_look_at(const struct rules *rules,
                   const struct reading_names *names) {
  for (size_t i = 0; rules->has_conditions && i < rules->thresholds_len; i++) {
    const struct condition *condition = &rules->items[i].only_if;
    if (condition->text != NULL && condition_may_mean(condition, names)) {
      return true;
    }
  }
  return false;
}

bool rules_watch_source(const struct rules *rules, const struct rule *rule,
                        const struct selector_subject *subject,
                        const char *source) {
  if (rule->notification != NULL) {
    return true;
  }
  if (rule->is_stock) {
    return rule->scope->source == NULL ||
           strcmp(rule->scope->source, source) == 0;
  }
  for (size_t i = 0; i < rule->selectors_len; i++) {
    const struct selector *selector =
        &rules->selectors[rule->first_selector + i];
    if (selector_matches_source(selector, source) &&
        selector_matches(selector, subject)) {
      return true;
    }
  }
  return false;
}

enum alert_state rule_worst(const struct rule *rule) {
  enum alert_state worst = ALERT_UNKNOWN;
  for (int state = 0; state < ALERT_STATES; state++) {
    if (atomic_load_explicit(&rule->counts[state], memory_order_relaxed) > 0) {
      worst = alert_state_worse(worst, (enum alert_state)state);
    }
  }
  return worst;
}

bool rule_is_idle(const struct rule *rule) {
  for (int state = 0; state < ALERT_STATES; state++) {
    if (atomic_load_explicit(&rule->counts[state], memory_order_relaxed) > 0) {
      return false;
    }
  }
  return true;
}

double rule_worst_value(const struct rule *rule) {
  return atomic_load(&rule->worst_value);
}

void rule_forget_value(struct rule *rule, const struct alert *alert) {
  const struct alert *noted = alert;
  (void)atomic_compare_exchange_strong(&rule->worst_alert, &noted, NULL);
}

/* True if the value that was noted is of another alert, which is as bad. */
static bool is_noted_of_other(const struct rule *rule,
                              const struct alert *alert) {
  const struct alert *noted = atomic_load(&rule->worst_alert);
  return noted != NULL && noted != alert &&
         atomic_load(&rule->worst_state) == (int)alert->state;
}

/* Two series may note theirs at once; the next reading of the worse one sets
 * that right. */
void rule_note_value(struct rule *rule, const struct alert *alert) {
  if ((enum alert_state)alert->state != rule_worst(rule)) {
    rule_forget_value(rule, alert);
    return;
  }
  if (!is_noted_of_other(rule, alert) ||
      alert_badness(&rule->limits, alert->value) >
          alert_badness(&rule->limits, atomic_load(&rule->worst_value))) {
    atomic_store(&rule->worst_value, alert->value);
    atomic_store(&rule->worst_state, (int)alert->state);
    atomic_store(&rule->worst_alert, alert);
  }
}

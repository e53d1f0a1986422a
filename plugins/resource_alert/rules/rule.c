/* SPDX-License-Identifier: MIT */
/* rule: the rules of the configuration: which series each one watches, what it
 * asks of their values, and how they are doing. */
#include "resource_alert/rules/rule.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- from options to rules ---- */

/* The lines were checked when the option was read; they are compiled here.
 * *ret_selectors: yours, *ret_len of them, also after a failure. */
static int compile_selectors(const struct option_strings *lines,
                             struct metric_selector **ret_selectors,
                             size_t *ret_len, struct error *error) {
  *ret_selectors = calloc(lines->len + 1, sizeof((*ret_selectors)[0]));
  int code = *ret_selectors == NULL ? -ENOMEM : 0;
  for (size_t i = 0; i < lines->len && code == 0; i++) {
    code = metric_selector_init(&(*ret_selectors)[i], lines->items[i], error);
    *ret_len += code == 0 ? 1 : 0;
  }
  return code;
}

static void free_selectors(struct metric_selector *selectors, size_t len) {
  for (size_t i = 0; i < len; i++) {
    metric_selector_fini(&selectors[i]);
  }
  free(selectors);
}

/* Texts stay where the options have them. */
static int init_threshold_rule(struct rule *rule,
                               const struct rule_options *options,
                               struct error *error) {
  const struct option_strings *only_if = &options->only_if;
  rule->limits = options->limits;
  rule->name = options->head.label;
  rule->message = options->message;
  rule->message_okay = options->message_okay;
  rule->message_missing = options->message_missing;
  rule->unit = options->unit;
  rule->runbook = options->runbook;
  rule->link = options->link;
  if (options->severities.len == 2) {
    rule->warning_word = options->severities.items[0];
    rule->failure_word = options->severities.items[1];
  }
  int code = compile_selectors(&options->metrics, &rule->selectors,
                               &rule->selectors_len, error);
  code = code == 0 ? compile_selectors(&options->exceptions, &rule->exceptions,
                                       &rule->exceptions_len, error)
                   : code;
  for (size_t i = 0; i < only_if->len / 2 && code == 0; i++) {
    code = condition_init(&rule->only_if[i], only_if->items[2 * i],
                          only_if->items[2 * i + 1], error);
  }
  return code;
}

/* The values of such a rule are 0 okay, 1 warning, 2 failure. A series without
 * a notification for its TTL is okay again. */
static void
init_notification_rule(struct rule *rule,
                       const struct notification_rule_options *options) {
  rule->limits = (struct rule_limits){
      .warning_min = (double)NAN,
      .warning_max = 0.5,
      .failure_min = (double)NAN,
      .failure_max = 1.5,
      .missing = RULE_MISSING_OKAY,
  };
  rule->notification = options;
  rule->name = options->head.label;
}

struct rule *rules_add(struct rules *rules) {
  struct rule *items =
      realloc(rules->items, (rules->len + 1) * sizeof(rules->items[0]));
  if (items == NULL) {
    return NULL;
  }
  rules->items = items;
  struct rule *rule = &items[rules->len];
  *rule = (struct rule){
      .unit = "",
      .warning_word = "warning",
      .failure_word = "failure",
      .index = rules->len++,
      .worst = {.lock = PTHREAD_MUTEX_INITIALIZER, .value = (double)NAN},
  };
  return rule;
}

/* The order of the rules is that of their blocks: a When names them by index.
 */
static int add_threshold_rules(struct rules *rules,
                               const struct option_blocks *blocks,
                               struct error *error) {
  const struct rule_options *options = blocks->items;
  int code = 0;
  for (size_t i = 0; i < blocks->len && code == 0; i++) {
    struct rule *rule = rules_add(rules);
    code =
        rule == NULL ? -ENOMEM : init_threshold_rule(rule, &options[i], error);
    rules->has_conditions = rules->has_conditions || options[i].only_if.len > 0;
  }
  return code;
}

static int add_notification_rules(struct rules *rules,
                                  const struct option_blocks *blocks) {
  const struct notification_rule_options *options = blocks->items;
  for (size_t i = 0; i < blocks->len; i++) {
    struct rule *rule = rules_add(rules);
    if (rule == NULL) {
      return -ENOMEM;
    }
    init_notification_rule(rule, &options[i]);
  }
  return 0;
}

static int add_rules(struct rules *rules, const struct rules_options *options,
                     struct error *error) {
  int code = add_threshold_rules(rules, &options->thresholds, error);
  rules->thresholds_len = rules->len;
  if (code == 0) {
    code = add_notification_rules(rules, &options->notifications);
  }
  rules->named_len = rules->len;
  return code != 0 ? code : threshold_compat_add_rules(&options->stock, rules);
}

int rules_init(struct rules *rules, const struct rules_options *options,
               struct error *error) {
  *rules = (struct rules){0};
  int code = add_rules(rules, options, error);
  if (code == -ENOMEM) {
    (void)error_set(error, code, "out of memory");
  }
  if (code != 0) {
    rules_fini(rules);
  }
  return code;
}

void rules_fini(struct rules *rules) {
  if (rules == NULL) {
    return;
  }
  for (size_t i = 0; i < rules->len; i++) {
    struct rule *rule = &rules->items[i];
    free_selectors(rule->selectors, rule->selectors_len);
    free_selectors(rule->exceptions, rule->exceptions_len);
    for (size_t k = 0; k < CONDITIONS_MAX; k++) {
      condition_fini(&rule->only_if[k]);
    }
    free(rule->owned_name);
  }
  free(rules->items);
  *rules = (struct rules){0};
}

/* ---- which rules watch a series ---- */

static bool
has_matching_selector(const struct rule *rule,
                      const struct metric_selector_subject *subject) {
  for (size_t i = 0; i < rule->selectors_len; i++) {
    if (metric_selector_matches(&rule->selectors[i], subject)) {
      return true;
    }
  }
  return false;
}

/* The most specific stock rules that fit. Returns how many. */
static size_t match_stock_rules(const struct rules *rules,
                                const struct metric_selector_subject *subject,
                                const struct reading_names *names,
                                struct rule **ret_matched) {
  int best = -1;
  size_t len = 0;
  for (size_t i = rules->named_len; i < rules->len; i++) {
    struct rule *rule = &rules->items[i];
    int rank = threshold_compat_rank(&rule->scope, subject, names);
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
                   const struct metric_selector_subject *subject,
                   const struct reading_names *names,
                   struct rule **ret_matched) {
  size_t len = 0;
  for (size_t i = 0; i < rules->thresholds_len; i++) {
    if (has_matching_selector(&rules->items[i], subject)) {
      ret_matched[len++] = &rules->items[i];
    }
  }
  return len + match_stock_rules(rules, subject, names, ret_matched + len);
}

static bool has_matching_source(const struct metric_selector *selectors,
                                size_t len,
                                const struct metric_selector_subject *subject,
                                const char *source) {
  for (size_t i = 0; i < len; i++) {
    if (metric_selector_matches_source(&selectors[i], source) &&
        metric_selector_matches(&selectors[i], subject)) {
      return true;
    }
  }
  return false;
}

bool rule_watches_source(const struct rule *rule,
                         const struct metric_selector_subject *subject,
                         const char *source) {
  if (rule->notification != NULL) {
    return true;
  }
  if (rule->is_stock) {
    return rule->scope.source == NULL ||
           strcmp(rule->scope.source, source) == 0;
  }
  return has_matching_source(rule->selectors, rule->selectors_len, subject,
                             source) &&
         !has_matching_source(rule->exceptions, rule->exceptions_len, subject,
                              source);
}

/* ---- how a rule is doing ---- */

/* True if an alert is worse than the worst one so far. */
static bool is_new_worst(const struct rule_worst *worst, int rank,
                         double badness) {
  int known = atomic_load_explicit(&worst->rank, memory_order_relaxed);
  return rank != known ? rank > known
                       : badness > atomic_load_explicit(&worst->badness,
                                                        memory_order_relaxed);
}

void rule_update_worst(struct rule *rule, const struct alert *alert) {
  struct rule_worst *worst = &rule->worst;
  int rank = alert_state_rank((enum alert_state)alert->state);
  double badness = alert_compute_badness(&rule->limits, alert->value);
  const struct alert *known =
      atomic_load_explicit(&worst->alert, memory_order_relaxed);
  if (known != NULL && known != alert && !is_new_worst(worst, rank, badness)) {
    return;
  }
  (void)pthread_mutex_lock(&worst->lock);
  known = atomic_load(&worst->alert); /* it may be another one by now */
  bool is_behind = rank < alert_state_rank(rule_worst_state(rule));
  if (is_behind && known == alert) {
    atomic_store(&worst->alert, NULL); /* the value stays until the next one */
  }
  if (!is_behind &&
      (known == NULL || known == alert || is_new_worst(worst, rank, badness))) {
    atomic_store(&worst->alert, alert);
    atomic_store(&worst->rank, rank);
    atomic_store(&worst->badness, badness);
    atomic_store(&worst->value, alert->value);
  }
  (void)pthread_mutex_unlock(&worst->lock);
}

void rule_forget_alert(struct rule *rule, const struct alert *alert) {
  (void)pthread_mutex_lock(&rule->worst.lock);
  if (atomic_load(&rule->worst.alert) == alert) {
    atomic_store(&rule->worst.alert, NULL);
    atomic_store(&rule->worst.value, (double)NAN);
  }
  (void)pthread_mutex_unlock(&rule->worst.lock);
}

double rule_worst_value(const struct rule *rule) {
  return atomic_load(&rule->worst.value);
}

enum alert_state rule_worst_state(const struct rule *rule) {
  enum alert_state worst = ALERT_UNKNOWN;
  for (int state = 0; state < ALERT_STATES; state++) {
    if (atomic_load_explicit(&rule->counts[state], memory_order_relaxed) > 0) {
      worst = alert_state_pick_worse(worst, (enum alert_state)state);
    }
  }
  return worst;
}

/* ---- for the responses ---- */

static void change_claim(struct rule *rule, enum rule_claim to,
                         uint8_t *claim) {
  if (*claim != to) {
    atomic_fetch_sub(&rule->claims[*claim], 1);
    atomic_fetch_add(&rule->claims[to], 1);
    *claim = (uint8_t)to;
  }
}

void rule_update_claim(struct rule *rule, const struct alert *alert,
                       uint8_t *claim) {
  switch ((enum alert_state)alert->state) {
  case ALERT_OKAY:
    change_claim(rule, RULE_CLAIM_NONE, claim);
    return;
  case ALERT_WARNING:
  case ALERT_FAILURE:
    change_claim(rule,
                 alert->state == ALERT_FAILURE && alert->failure.is_beyond
                     ? RULE_CLAIM_BEYOND_FAILURE
                 : alert->warning.is_beyond ? RULE_CLAIM_BEYOND_WARNING
                                            : RULE_CLAIM_NONE,
                 claim);
    return;
  case ALERT_UNKNOWN:
  case ALERT_MISSING:
    return; /* as it was when it was known last */
  }
}

void rule_hold_claim(struct rule *rule, const struct alert *alert,
                     enum alert_state from, int64_t now_ms, uint8_t *claim) {
  bool was_bad = from == ALERT_WARNING || from == ALERT_FAILURE;
  if (alert->state == ALERT_OKAY) { /* Missing says so */
    change_claim(rule, RULE_CLAIM_NONE, claim);
  } else if (was_bad) {
    atomic_store(&rule->held_ms, now_ms);
    change_claim(rule,
                 from == ALERT_FAILURE ? RULE_CLAIM_HELD_FAILURE
                                       : RULE_CLAIM_HELD_WARNING,
                 claim);
  }
}

void rule_reset_alert(struct rule *rule, const struct alert *alert,
                      uint8_t *claim) {
  change_claim(rule, RULE_CLAIM_NONE, claim);
  rule_update_worst(rule, alert);
}

/* OKAY where there is none of either. */
static enum alert_state find_worst_claim(const struct rule *rule,
                                         enum rule_claim warning,
                                         enum rule_claim failure) {
  return atomic_load(&rule->claims[failure]) > 0   ? ALERT_FAILURE
         : atomic_load(&rule->claims[warning]) > 0 ? ALERT_WARNING
                                                   : ALERT_OKAY;
}

struct rule_status rule_get_status(const struct rule *rule) {
  return (struct rule_status){
      .state = rule_worst_state(rule),
      .beyond = find_worst_claim(rule, RULE_CLAIM_BEYOND_WARNING,
                                 RULE_CLAIM_BEYOND_FAILURE),
      .held = find_worst_claim(rule, RULE_CLAIM_HELD_WARNING,
                               RULE_CLAIM_HELD_FAILURE),
      .is_known = atomic_load(&rule->counts[ALERT_OKAY]) > 0 ||
                  atomic_load(&rule->counts[ALERT_WARNING]) > 0 ||
                  atomic_load(&rule->counts[ALERT_FAILURE]) > 0,
      .held_ms = atomic_load(&rule->held_ms),
      .value = rule_worst_value(rule),
      .badness = atomic_load(&rule->worst.badness),
  };
}

bool rule_is_idle(const struct rule *rule) {
  for (int state = 0; state < ALERT_STATES; state++) {
    if (atomic_load_explicit(&rule->counts[state], memory_order_relaxed) > 0) {
      return false;
    }
  }
  return true;
}

/* SPDX-License-Identifier: MIT */
/* status_rules: the threshold table as it stands, as JSON. */
#include "resource_alert/status/status_rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_util.h"
#include "core/metric.h"
#include "resource_alert/alerts/alert_event.h"
#include "resource_alert/alerts/series.h"
#include "resource_alert/journal.h"

/* One series of a rule, copied out from under its lock. */
struct seen {
  enum alert_state state;
  double badness; /* how far beyond its limit; the larger the worse */
  double value;
  int64_t since_ms;
  bool is_flapping;
  char name[SERIES_NAME_BYTES];
};

struct seen_rule {
  size_t len; /* of worst */
  struct seen worst[STATUS_SERIES_MAX];
};

/* ---- seeing ---- */

static bool is_worse(enum alert_state state, double badness,
                     const struct seen *other) {
  int rank = alert_state_rank(state);
  int other_rank = alert_state_rank(other->state);
  return rank > other_rank || (rank == other_rank && badness > other->badness);
}

/* Keeps the worst, sorted; the name is written only for those that stay. */
static void take_watch(struct seen_rule *rule, const struct watch *watch,
                       const struct series_body *body) {
  enum alert_state state = (enum alert_state)watch->alert.state;
  double badness = alert_badness(&watch->rule->limits, watch->alert.value);
  size_t place = rule->len;
  while (place > 0 && is_worse(state, badness, &rule->worst[place - 1])) {
    place--;
  }
  if (place == STATUS_SERIES_MAX) {
    return;
  }
  size_t last = rule->len < STATUS_SERIES_MAX ? rule->len : rule->len - 1;
  memmove(&rule->worst[place + 1], &rule->worst[place],
          (last - place) * sizeof(rule->worst[0]));
  rule->len = last + 1;
  struct seen *seen = &rule->worst[place];
  *seen = (struct seen){
      .state = state,
      .badness = badness,
      .value = watch->alert.value,
      .since_ms = watch->alert.since_wall_ms,
      .is_flapping = watch->alert.is_flapping,
  };
  series_format_name(body, watch->source, seen->name, sizeof(seen->name));
}

/* Under the series' lock. */
static void see(struct seen_rule *seen, const struct series *series) {
  const struct series_body *body = series->body;
  for (size_t i = 0; i < body->watches_len; i++) {
    const struct watch *watch = &body->watches[i];
    take_watch(&seen[watch->rule->index], watch, body);
  }
}

/* ---- telling ---- */

static json_t *number_or_null(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *since_or_null(const struct seen *seen) {
  return seen->since_ms > 0 ? json_real((double)seen->since_ms / 1000)
                            : json_null();
}

static json_t *series_to_json(const struct seen *seen) {
  bool has_value = seen->state != ALERT_UNKNOWN;
  return json_pack("{so ss so so sb}", "name", json_util_text(seen->name),
                   "state", alert_state_name(seen->state), "value",
                   has_value ? number_or_null(seen->value) : json_null(),
                   "since", since_or_null(seen), "flapping",
                   (int)seen->is_flapping);
}

static json_t *limits_to_json(const struct alert_limits *limits) {
  const struct {
    const char *name;
    double limit;
  } named[] = {
      {"warning_min", limits->warning_min},
      {"warning_max", limits->warning_max},
      {"failure_min", limits->failure_min},
      {"failure_max", limits->failure_max},
  };
  json_t *object = json_object();
  for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
    if (isfinite(named[i].limit)) {
      (void)json_object_set_new(object, named[i].name,
                                json_real(named[i].limit));
    }
  }
  return object;
}

static json_t *counts_to_json(const struct rule *rule, size_t *ret_sum) {
  json_t *object = json_object();
  *ret_sum = 0;
  for (int state = 0; state < ALERT_STATES; state++) {
    uint32_t count = atomic_load(&rule->counts[state]);
    *ret_sum += count;
    if (count > 0) {
      (void)json_object_set_new(object,
                                alert_state_name((enum alert_state)state),
                                json_integer((json_int_t)count));
    }
  }
  return object;
}

/* Since when the rule is in its state: what first went there. */
static json_t *rule_since(const struct seen_rule *seen) {
  int64_t since_ms = 0;
  for (size_t i = 0; i < seen->len; i++) {
    bool is_of_state = seen->worst[i].state == seen->worst[0].state;
    if (is_of_state && seen->worst[i].since_ms > 0 &&
        (since_ms == 0 || seen->worst[i].since_ms < since_ms)) {
      since_ms = seen->worst[i].since_ms;
    }
  }
  return since_ms > 0 ? json_real((double)since_ms / 1000) : json_null();
}

static json_t *rule_to_json(const struct rule *rule,
                            const struct seen_rule *seen) {
  json_t *series = json_array();
  for (size_t i = 0; i < seen->len; i++) {
    (void)json_array_append_new(series, series_to_json(&seen->worst[i]));
  }
  size_t sum = 0;
  json_t *counts = counts_to_json(rule, &sum);
  bool has_value = seen->len > 0 && seen->worst[0].state != ALERT_UNKNOWN;
  return json_pack(
      "{so ss so so ss? so sb sI so so}", "name", json_util_text(rule->name),
      "state",
      alert_state_name(seen->len > 0 ? seen->worst[0].state : ALERT_UNKNOWN),
      "since", rule_since(seen), "value",
      has_value ? number_or_null(seen->worst[0].value) : json_null(), "unit",
      rule->unit, "limits",
      rule->notification == NULL ? limits_to_json(&rule->limits)
                                 : json_object(),
      "inverted", (int)rule->limits.is_inverted, "series_count",
      (json_int_t)sum, "counts", counts, "series", series);
}

json_t *status_rules(const struct rules *rules, struct table *table) {
  struct seen_rule *seen = calloc(rules->len + 1, sizeof(*seen));
  if (seen == NULL) {
    return NULL;
  }
  struct series *series;
  for (size_t cursor = 0; (series = table_lock_next(table, &cursor)) != NULL;) {
    see(seen, series);
    series_unlock(series);
  }
  json_t *all = json_array();
  for (size_t i = 0; i < rules->len; i++) {
    (void)json_array_append_new(all, rule_to_json(&rules->items[i], &seen[i]));
  }
  free(seen);
  return all;
}

/* SPDX-License-Identifier: MIT */
/* simulator: the plugin's own table and response machines on a clock that the
 * caller turns. */
#include "ctl/simulate/simulator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/simulate/simulated_response.h"
#include "resource_alert/alerts/changes.h"
#include "resource_alert/alerts/series.h"
#include "resource_alert/alerts/table.h"
#include "resource_alert/rules/rule.h"

/* The table is walked a few times an interval: what stopped is told as late as
 * in the daemon, and a month is over in seconds. */
#define TICK_MS_MIN 1000
#define TICK_MS_MAX 15000
#define TICKS_PER_INTERVAL 4
#define FORGET_SLACK_MS 3600000

#define MISSING_INTERVALS 2 /* collectd's Timeout, as it comes */

struct rehearsal {
  struct rehearsal_listener listener;
  struct rules rules;
  struct changes changes;
  struct table *table;
  enum alert_state *worst; /* of each rule */
  struct rehearsal_response *responses;
  size_t responses_len;
  int64_t now_ms;
  int64_t ticked_ms;
  int64_t tick_ms;
  int64_t wake_ms; /* the earliest of the responses' */
  int64_t read_ms; /* of the last reading */
  int64_t forget_ms;
  size_t *series_max; /* the most series that each rule had */
};

static int make_responses(struct rehearsal *rehearsal,
                          const struct resource_alert_options *options) {
  const struct option_blocks *blocks = &options->responses.responses;
  const struct response_options *items = blocks->items;
  rehearsal->responses = calloc(blocks->len + 1, sizeof(*rehearsal->responses));
  int code = rehearsal->responses == NULL ? -ENOMEM : 0;
  for (size_t i = 0; i < blocks->len && code == 0; i++) {
    rehearsal->responses_len++;
    code = rehearsal_response_init(&rehearsal->responses[i], &items[i], i,
                                   options, rehearsal->now_ms);
  }
  return code;
}

static int make_table(struct rehearsal *rehearsal,
                      const struct resource_alert_options *options,
                      struct error *error) {
  const struct table_limits limits = {
      .series_max = (uint64_t)options->max_series,
      .missing_intervals = MISSING_INTERVALS,
      .forget_ms = (int64_t)(options->forget_s * 1000),
  };
  changes_init(&rehearsal->changes);
  const struct rules_source source = resource_alert_rules_source(options);
  int code = rules_init(&rehearsal->rules, &source, error);
  if (code != 0) {
    return code;
  }
  rehearsal->worst =
      calloc(rehearsal->rules.len + 1, sizeof(*rehearsal->worst));
  rehearsal->series_max =
      calloc(rehearsal->rules.len + 1, sizeof(*rehearsal->series_max));
  if (rehearsal->worst == NULL || rehearsal->series_max == NULL) {
    return -ENOMEM;
  }
  return table_new(&rehearsal->rules, &limits, &rehearsal->changes,
                   &rehearsal->table);
}

int rehearsal_new(const struct resource_alert_options *options,
                  int64_t start_ms, const struct rehearsal_listener *listener,
                  struct rehearsal **ret, struct error *error) {
  struct rehearsal *rehearsal = calloc(1, sizeof(*rehearsal));
  if (rehearsal == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  rehearsal->listener = *listener;
  rehearsal->now_ms = start_ms;
  rehearsal->ticked_ms = start_ms;
  rehearsal->tick_ms = TICK_MS_MAX;
  rehearsal->wake_ms = INT64_MAX;
  rehearsal->forget_ms = (int64_t)(options->forget_s * 1000);
  rehearsal->read_ms = start_ms;
  int code = make_table(rehearsal, options, error);
  if (code == 0) {
    code = make_responses(rehearsal, options);
  }
  if (code != 0) {
    rehearsal_free(rehearsal);
    return code == -ENOMEM ? error_set(error, code, "out of memory") : code;
  }
  table_tick(rehearsal->table, start_ms, start_ms);
  *ret = rehearsal;
  return 0;
}

void rehearsal_free(struct rehearsal *rehearsal) {
  if (rehearsal == NULL) {
    return;
  }
  for (size_t i = 0; i < rehearsal->responses_len; i++) {
    rehearsal_response_fini(&rehearsal->responses[i]);
  }
  if (rehearsal->table != NULL) {
    table_free(rehearsal->table);
  }
  rules_fini(&rehearsal->rules);
  changes_fini(&rehearsal->changes);
  free(rehearsal->responses);
  free(rehearsal->worst);
  free(rehearsal->series_max);
  free(rehearsal);
}

/* ---- at work ---- */

static void tell(struct rehearsal *rehearsal, struct watch *watch) {
  struct announcement change;
  struct series *series = watch->series;
  series_lock(series);
  announcement_take(watch, &change);
  series_unlock(series);
  if (change.from != change.to && rehearsal->listener.alert != NULL) {
    rehearsal->listener.alert(rehearsal->listener.context, rehearsal->now_ms,
                              &change);
  }
}

static size_t count_series(const struct rule *rule) {
  size_t sum = 0;
  for (int state = 0; state < ALERT_STATES; state++) {
    sum += atomic_load(&rule->counts[state]);
  }
  return sum;
}

static void look_at_rules(struct rehearsal *rehearsal) {
  for (size_t i = 0; i < rehearsal->rules.len; i++) {
    const struct rule *rule = &rehearsal->rules.items[i];
    size_t count = count_series(rule);
    rehearsal->worst[i] = rule_worst(rule);
    if (count > rehearsal->series_max[i]) {
      rehearsal->series_max[i] = count;
    }
  }
}

static void step_responses(struct rehearsal *rehearsal) {
  look_at_rules(rehearsal);
  rehearsal->wake_ms = INT64_MAX;
  for (size_t i = 0; i < rehearsal->responses_len; i++) {
    struct rehearsal_response *response = &rehearsal->responses[i];
    rehearsal_response_step(response, rehearsal->worst, rehearsal->now_ms,
                            &rehearsal->listener);
    if (response->wake_ms < rehearsal->wake_ms) {
      rehearsal->wake_ms = response->wake_ms;
    }
  }
}

/* Alone in the table: what waits is seen without its lock. */
static void settle(struct rehearsal *rehearsal) {
  bool has_changes = rehearsal->changes.first != NULL;
  while (rehearsal->changes.first != NULL) {
    bool unused;
    struct watch *next = changes_take_all(&rehearsal->changes, 0, &unused);
    while (next != NULL) {
      struct watch *watch = next;
      next = watch->next_changed;
      tell(rehearsal, watch);
    }
  }
  if (has_changes || rehearsal->now_ms >= rehearsal->wake_ms) {
    step_responses(rehearsal);
  }
}

/* The next moment at which something may happen by itself. */
static int64_t next_moment(const struct rehearsal *rehearsal, int64_t at_ms) {
  int64_t next_ms = rehearsal->ticked_ms + rehearsal->tick_ms;
  if (rehearsal->wake_ms > rehearsal->now_ms && rehearsal->wake_ms < next_ms) {
    next_ms = rehearsal->wake_ms;
  }
  /* All series are forgotten: nothing happens until there are readings. */
  bool is_over = rehearsal->now_ms - rehearsal->read_ms >
                 rehearsal->forget_ms + FORGET_SLACK_MS;
  if (is_over && rehearsal->wake_ms == INT64_MAX) {
    return at_ms;
  }
  return next_ms < at_ms ? next_ms : at_ms;
}

void rehearsal_advance(struct rehearsal *rehearsal, int64_t at_ms) {
  while (rehearsal->now_ms < at_ms) {
    rehearsal->now_ms = next_moment(rehearsal, at_ms);
    if (rehearsal->now_ms - rehearsal->ticked_ms >= rehearsal->tick_ms) {
      rehearsal->ticked_ms = rehearsal->now_ms;
      table_tick(rehearsal->table, rehearsal->now_ms, rehearsal->now_ms);
    }
    settle(rehearsal);
  }
}

static void fit_tick(struct rehearsal *rehearsal, int64_t interval_ms) {
  int64_t tick_ms = interval_ms / TICKS_PER_INTERVAL;
  tick_ms = tick_ms < TICK_MS_MIN ? TICK_MS_MIN : tick_ms;
  if (tick_ms < rehearsal->tick_ms) {
    rehearsal->tick_ms = tick_ms;
  }
}

void rehearsal_take(struct rehearsal *rehearsal,
                    const struct reading *reading) {
  fit_tick(rehearsal, reading->interval_ns / 1000000);
  rehearsal->read_ms = rehearsal->now_ms;
  table_take(rehearsal->table, reading);
  settle(rehearsal);
}

void rehearsal_hear(struct rehearsal *rehearsal,
                    const struct notification *notification) {
  fit_tick(rehearsal, 0); /* its TTL may end at any second */
  rehearsal->read_ms = rehearsal->now_ms;
  table_hear(rehearsal->table, notification, rehearsal->now_ms);
  settle(rehearsal);
}

enum alert_state rehearsal_rule(const struct rehearsal *rehearsal,
                                size_t rule) {
  return rule_worst(&rehearsal->rules.items[rule]);
}

size_t rehearsal_rules_len(const struct rehearsal *rehearsal) {
  return rehearsal->rules.len;
}

const char *rehearsal_rule_name(const struct rehearsal *rehearsal,
                                size_t rule) {
  return rehearsal->rules.items[rule].name;
}

size_t rehearsal_rule_series(const struct rehearsal *rehearsal, size_t rule) {
  return rehearsal->series_max[rule];
}

enum response_state rehearsal_response(const struct rehearsal *rehearsal,
                                       size_t response) {
  return rehearsal->responses[response].machine.state;
}

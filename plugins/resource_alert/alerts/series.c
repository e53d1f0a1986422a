/* SPDX-License-Identifier: MIT */
/* series: one value list's identity, its last values, and an alert for each
 * rule that watches one of its data sources. */
#include "resource_alert/alerts/series.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/alerts/change_queue.h"

#define NS_PER_MS INT64_C(1000000)
#define INTERVAL_MAX_MS INT64_C(86400000) /* a day */
#define TOLERANCE_PART 8 /* of an interval: how much readings may jitter */
#define TOLERANCE_MAX_MS 1000
#define SOURCES_MAX UINT8_MAX /* of a type that rules can watch */

/* ---- names ---- */

const char *series_source_name(const struct series *series, size_t source) {
  return series->type->sources[source].name;
}

void series_format_name(const struct series *series, size_t source, char *text,
                        size_t bytes) {
  struct reading_names names;
  series_key_unpack_names(series->key, &names);
  bool has_many = series->type->sources_len > 1;
  (void)snprintf(text, bytes, "%s/%s%s%s/%s%s%s%s%s", names.host, names.plugin,
                 names.plugin_instance[0] == '\0' ? "" : "-",
                 names.plugin_instance, names.type,
                 names.type_instance[0] == '\0' ? "" : "-", names.type_instance,
                 has_many ? ":" : "",
                 has_many ? series_source_name(series, source) : "");
}

/* ---- what all series share ---- */

void series_context_init(struct series_context *context,
                         const struct rules *rules,
                         struct change_queue *queue) {
  *context = (struct series_context){.rules = rules, .queue = queue};
  context->seed = hash_map_seed();
  condition_inputs_init(&context->inputs);
  (void)pthread_mutex_init(&context->types_lock, NULL);
}

void series_context_fini(struct series_context *context) {
  while (context->types != NULL) {
    struct series_type *next = context->types->next;
    free(context->types);
    context->types = next;
  }
  condition_inputs_fini(&context->inputs);
  (void)pthread_mutex_destroy(&context->types_lock);
}

/* Asks the daemon for the data sources, once for each type. */
static struct series_type *make_type(const struct reading *reading) {
  struct series_type *type =
      calloc(1, sizeof(*type) + reading->values_len * sizeof(type->sources[0]));
  if (type == NULL) {
    return NULL;
  }
  memcpy(type->name, reading->names->type, sizeof(type->name));
  type->describe = reading->type.describe;
  type->has_only_gauges = true;
  type->sources_len = reading->values_len;
  for (size_t i = 0; i < type->sources_len; i++) {
    reading->type.describe(reading->type.handle, i, &type->sources[i]);
    type->has_only_gauges =
        type->has_only_gauges && type->sources[i].kind == READING_GAUGE;
  }
  return type;
}

/* The type of READING, made for its first series. NULL when memory is short. */
static const struct series_type *
find_or_add_type(struct series_context *context,
                 const struct reading *reading) {
  (void)pthread_mutex_lock(&context->types_lock);
  struct series_type *type = context->types;
  while (type != NULL && (type->sources_len != reading->values_len ||
                          type->describe != reading->type.describe ||
                          strcmp(type->name, reading->names->type) != 0)) {
    type = type->next;
  }
  if (type == NULL) {
    type = make_type(reading);
    if (type != NULL) {
      type->next = context->types;
      context->types = type;
    }
  }
  (void)pthread_mutex_unlock(&context->types_lock);
  return type;
}

/* ---- a new series ---- */

/* What a series is made of: gathered first, since it is one piece of memory. */
struct series_parts {
  const struct series_type *type;
  struct series_alert *alerts; /* owned, as the next one */
  struct series_output *outputs;
  size_t alerts_len, outputs_len;
};

/* Adds an alert for each data source that RULE watches. */
static int add_alerts(struct series_parts *parts, struct rule *rule,
                      const struct metric_selector_subject *subject) {
  for (size_t i = 0; i < parts->type->sources_len; i++) {
    if (!rule_watches_source(rule, subject, parts->type->sources[i].name)) {
      continue;
    }
    struct series_alert *alerts =
        realloc(parts->alerts, (parts->alerts_len + 1) * sizeof(alerts[0]));
    if (alerts == NULL || parts->alerts_len == UINT16_MAX) {
      return -ENOMEM;
    }
    parts->alerts = alerts;
    alerts[parts->alerts_len++] = (struct series_alert){
        .alert = {.value = (double)NAN}, .rule = rule, .source = (uint8_t)i};
  }
  return 0;
}

/* The input for a data source of the series with these names; source: NULL for
 * the first one. */
static struct condition_input *
take_condition_input(struct series_context *context,
                     const struct reading_names *names, const char *source) {
  char key[SERIES_KEY_BYTES];
  size_t key_bytes = series_key_make(names, source, 0, key, NULL);
  return condition_inputs_take(&context->inputs, key, key_bytes);
}

/* Connects an alert to the values that its rule's OnlyIf lines compare. */
static int connect_conditions(struct series_context *context,
                              const struct reading_names *names,
                              struct series_alert *alert) {
  for (size_t i = 0; i < CONDITIONS_MAX; i++) {
    const struct condition *condition = &alert->rule->only_if[i];
    if (condition->text == NULL) {
      continue;
    }
    struct reading_names compared;
    condition_fill_names(condition, names, &compared);
    alert->inputs[i] =
        take_condition_input(context, &compared, condition->source);
    if (alert->inputs[i] == NULL) {
      return -ENOMEM;
    }
  }
  return 0;
}

/* The data source that CONDITION compares; -1: the type has no such one. */
static int find_compared_source(const struct condition *condition,
                                const struct series_type *type) {
  for (size_t i = 0; i < type->sources_len; i++) {
    if (condition->source == NULL ||
        strcmp(type->sources[i].name, condition->source) == 0) {
      return (int)i;
    }
  }
  return -1;
}

/* Makes the value that CONDITION compares an output of the series. */
static int add_compared_output(struct series_context *context,
                               const struct reading_names *names,
                               const struct condition *condition,
                               struct series_parts *parts) {
  int source = find_compared_source(condition, parts->type);
  if (source < 0) {
    return 0;
  }
  struct series_output *outputs =
      realloc(parts->outputs, (parts->outputs_len + 1) * sizeof(*outputs));
  if (outputs == NULL) {
    return -ENOMEM;
  }
  parts->outputs = outputs;
  struct condition_input *input =
      take_condition_input(context, names, condition->source);
  if (input == NULL) {
    return -ENOMEM;
  }
  outputs[parts->outputs_len++] =
      (struct series_output){.input = input, .source = (size_t)source};
  return 0;
}

/* Connects the series to the rules whose OnlyIf may compare its values. */
static int connect_outputs(struct series_context *context,
                           const struct reading_names *names,
                           struct series_parts *parts) {
  const struct rules *rules = context->rules;
  int code = 0;
  for (size_t i = 0; i < rules->thresholds_len * CONDITIONS_MAX && code == 0;
       i++) {
    const struct condition *condition =
        &rules->items[i / CONDITIONS_MAX].only_if[i % CONDITIONS_MAX];
    if (condition->text != NULL && parts->outputs_len < UINT16_MAX &&
        condition_may_compare(condition, names)) {
      code = add_compared_output(context, names, condition, parts);
    }
  }
  return code;
}

/* Gathers the parts of a series that MATCHED watch. subject: NULL for one of
 * notifications. */
static int bind_rules(struct series_context *context,
                      const struct reading *reading, struct rule **matched,
                      size_t matched_len,
                      const struct metric_selector_subject *subject,
                      struct series_parts *parts) {
  parts->type = find_or_add_type(context, reading);
  int code = parts->type == NULL ? -ENOMEM : 0;
  for (size_t i = 0; i < matched_len && code == 0; i++) {
    code = add_alerts(parts, matched[i], subject);
  }
  for (size_t i = 0; i < parts->alerts_len && code == 0; i++) {
    code = connect_conditions(context, reading->names, &parts->alerts[i]);
  }
  if (code == 0 && subject != NULL) {
    code = connect_outputs(context, reading->names, parts);
  }
  return code;
}

/* Finds the rules of a series of values, and binds it to them. */
static int bind_values(struct series_context *context,
                       const struct reading *reading,
                       struct series_parts *parts) {
  const struct rules *rules = context->rules;
  struct rule **matched = calloc(rules->len + 1, sizeof(matched[0]));
  if (matched == NULL) {
    return -ENOMEM;
  }
  struct metric_selector_subject subject;
  metric_selector_subject_init(&subject, reading->names);
  size_t len = rules_match(rules, &subject, reading->names, matched);
  bool is_needed =
      reading->values_len <= SOURCES_MAX && (len > 0 || rules->has_conditions);
  int code = is_needed
                 ? bind_rules(context, reading, matched, len, &subject, parts)
                 : 0;
  free(matched);
  return code;
}

/* The interval that a sender promises, within 1 ms and a day. */
static uint32_t clamp_interval_ms(int64_t interval_ns) {
  int64_t interval_ms = interval_ns / NS_PER_MS;
  interval_ms = interval_ms < 1 ? 1 : interval_ms;
  return (uint32_t)(interval_ms < INTERVAL_MAX_MS ? interval_ms
                                                  : INTERVAL_MAX_MS);
}

/* One piece of memory: the series, its key, alerts, outputs, previous values.
 * Each of these is a multiple of 8 bytes. NULL when memory is short. */
static struct series *assemble_series(const struct series_parts *parts,
                                      const struct series_lookup *lookup,
                                      pthread_mutex_t *lock, int64_t now_ms) {
  size_t alerts_at =
      (offsetof(struct series, key) + lookup->key_bytes + 7) & ~(size_t)7;
  size_t outputs_at = alerts_at + parts->alerts_len * sizeof(parts->alerts[0]);
  size_t previous_at =
      outputs_at + parts->outputs_len * sizeof(parts->outputs[0]);
  size_t previous_len =
      parts->type->has_only_gauges ? 0 : parts->type->sources_len;
  char *place = calloc(1, previous_at + previous_len * sizeof(uint64_t));
  if (place == NULL) {
    return NULL;
  }
  struct series *series = (void *)place;
  memcpy(series->key, lookup->key, lookup->key_bytes);
  series->lock = lock;
  series->seen_ms = now_ms;
  series->interval_ms = clamp_interval_ms(lookup->reading->interval_ns);
  series->type = parts->type;
  series->alerts = (void *)(place + alerts_at);
  series->alerts_len = (uint16_t)parts->alerts_len;
  series->outputs = (void *)(place + outputs_at);
  series->outputs_len = (uint16_t)parts->outputs_len;
  series->previous = previous_len == 0 ? NULL : (void *)(place + previous_at);
  for (size_t i = 0; i < parts->alerts_len; i++) {
    series->alerts[i] = parts->alerts[i];
    series->alerts[i].series = series;
    atomic_fetch_add(&parts->alerts[i].rule->counts[ALERT_UNKNOWN], 1);
    atomic_fetch_add(&parts->alerts[i].rule->claims[RULE_CLAIM_NONE], 1);
  }
  for (size_t i = 0; i < parts->outputs_len; i++) {
    series->outputs[i] = parts->outputs[i];
  }
  return series;
}

static void release_condition_inputs(struct series_context *context,
                                     const struct series_parts *parts) {
  for (size_t i = 0; i < parts->alerts_len; i++) {
    for (size_t k = 0; k < CONDITIONS_MAX; k++) {
      condition_inputs_release(&context->inputs, parts->alerts[i].inputs[k]);
    }
  }
  for (size_t i = 0; i < parts->outputs_len; i++) {
    condition_inputs_release(&context->inputs, parts->outputs[i].input);
  }
}

int series_new(struct series_context *context,
               const struct series_lookup *lookup, pthread_mutex_t *lock,
               int64_t now_ms, struct series **ret_series) {
  struct series_parts parts = {0};
  struct rule *rule = lookup->notification_rule;
  int code = rule == NULL
                 ? bind_values(context, lookup->reading, &parts)
                 : bind_rules(context, lookup->reading, &rule, 1, NULL, &parts);
  *ret_series = NULL;
  if (code == 0 && (parts.alerts_len > 0 || parts.outputs_len > 0)) {
    *ret_series = assemble_series(&parts, lookup, lock, now_ms);
    code = *ret_series == NULL ? -ENOMEM : 0;
  }
  if (code != 0) {
    release_condition_inputs(context, &parts);
  }
  free(parts.alerts);
  free(parts.outputs);
  return code;
}

void series_free(struct series_context *context, struct series *series) {
  if (series == NULL) {
    return;
  }
  for (size_t i = 0; i < series->alerts_len; i++) {
    struct series_alert *alert = &series->alerts[i];
    atomic_fetch_sub(&alert->rule->counts[alert->alert.state], 1);
    atomic_fetch_sub(&alert->rule->claims[alert->claim], 1);
    rule_forget_alert(alert->rule, &alert->alert);
  }
  const struct series_parts parts = {.alerts = series->alerts,
                                     .outputs = series->outputs,
                                     .alerts_len = series->alerts_len,
                                     .outputs_len = series->outputs_len};
  release_condition_inputs(context, &parts);
  free(series);
}

void series_lock(struct series *series) {
  (void)pthread_mutex_lock(series->lock);
}

void series_unlock(struct series *series) {
  (void)pthread_mutex_unlock(series->lock);
}

/* ---- changes ---- */

/* Reminders repeat a state that is not okay, MISSING included. */
static bool awaits_reminder(const struct series_alert *alert) {
  return alert->rule->limits.repeat_s > 0 &&
         alert->alert.state >= ALERT_WARNING;
}

/* The change goes to the engine; the rule counts its alerts by state. */
static void queue_change(struct series_context *context,
                         struct series_alert *alert,
                         const struct alert_change *change, int64_t now_ms) {
  if (change->from != change->to) {
    atomic_fetch_sub(&alert->rule->counts[change->from], 1);
    atomic_fetch_add(&alert->rule->counts[change->to], 1);
  }
  enum alert_state from = alert->is_queued ? alert->change.from : change->from;
  alert->change = *change;
  alert->change.from = from;
  alert->notified_ms = now_ms;
  change_queue_add(context->queue, alert);
}

/* Queues the state once more, with the limit that was broken. */
static void queue_reminder(struct series_context *context,
                           struct series_alert *alert, int64_t now_ms) {
  int64_t passed_ms = now_ms - alert->notified_ms;
  struct alert_change reminder = alert->change;
  reminder.from = (enum alert_state)alert->alert.state;
  reminder.to = reminder.from;
  reminder.cause = ALERT_CAUSE_REMINDER;
  reminder.value = alert->alert.value;
  reminder.held_s += (uint32_t)((passed_ms + 500) / 1000);
  queue_change(context, alert, &reminder, now_ms);
}

/* ---- when: stamps that cannot be trusted ---- */

/* How far the series' clock advances with READING, 0 for its first; negative
 * if it is stale.
 *
 * A stamp is trusted as far as our own clock confirms it. A stamp from before
 * the last one is stale, unless most of an interval has passed here since then:
 * then the sender's clock was set back. A stamp from far ahead, while hardly
 * any time has passed here: the clock was set forward, or the machine slept.
 * Either way the reading counts as one interval after the last one. */
static int64_t find_elapsed_ns(const struct series *series,
                               const struct reading *reading, int64_t now_ms) {
  int64_t interval_ns = clamp_interval_ms(reading->interval_ns) * NS_PER_MS;
  int64_t elapsed_ns = reading->time_ns - series->time_ns;
  if (series->time_ns == 0) {
    return 0;
  }
  if (elapsed_ns > 0 && elapsed_ns <= 2 * interval_ns) {
    return elapsed_ns;
  }
  int64_t passed_ns = (now_ms - series->seen_ms) * NS_PER_MS;
  if (elapsed_ns <= 0) {
    return passed_ns < interval_ns / 4 * 3 ? -1 : interval_ns;
  }
  return passed_ns < elapsed_ns / 2 ? interval_ns : elapsed_ns;
}

/* A hold survives one lost reading: two and a half intervals. */
static struct alert_time make_reading_time(const struct series *series,
                                           const struct reading *reading) {
  int64_t interval_ms = series->interval_ms;
  int64_t tolerance_ms = interval_ms / TOLERANCE_PART;
  return (struct alert_time){
      .series_ms = series->clock_ms,
      .tolerance_ms =
          tolerance_ms < TOLERANCE_MAX_MS ? tolerance_ms : TOLERANCE_MAX_MS,
      .gap_ms = 5 * interval_ms / 2,
      .wall_ms = reading->time_ns / NS_PER_MS,
  };
}

/* ---- what: values, and what the rules make of them ---- */

/* Each source's level or rate. */
static void compute_source_values(struct series *series,
                                  const struct reading *reading,
                                  int64_t elapsed_ns, double *values) {
  for (size_t i = 0; i < series->type->sources_len; i++) {
    uint64_t raw;
    memcpy(&raw, (const char *)reading->values + i * sizeof(raw), sizeof(raw));
    uint64_t previous = series->previous == NULL ? 0 : series->previous[i];
    values[i] = series_rate_compute(&series->type->sources[i], raw, previous,
                                    elapsed_ns);
    if (series->previous != NULL) {
      series->previous[i] = raw;
    }
  }
}

static double compute_percentage(double value, const double *values,
                                 size_t len) {
  double sum = 0;
  for (size_t i = 0; i < len; i++) {
    sum += isnan(values[i]) ? 0 : values[i];
  }
  return sum > 0 || sum < 0 ? 100 * value / sum : (double)NAN;
}

/* For stock rules that ask for a notification with each reading. */
static bool wants_each_reading(const struct series_alert *alert) {
  return alert->alert.state == ALERT_OKAY
             ? alert->rule->is_okay_persistent
             : alert->rule->is_persistent &&
                   alert->alert.state >= ALERT_WARNING;
}

static bool is_disabled(const struct series_alert *alert, int64_t now_ms) {
  bool is_met = true;
  for (size_t i = 0; i < CONDITIONS_MAX && is_met; i++) {
    is_met = alert->inputs[i] == NULL ||
             condition_holds(&alert->rule->only_if[i],
                             condition_input_value(alert->inputs[i], now_ms));
  }
  return !is_met;
}

/* A rule whose OnlyIf does not hold sees every reading as within its limits,
 * so that an alert recovers by RecoverFor as it does otherwise. */
static void evaluate_alert(struct series_context *context,
                           struct series_alert *alert, double value,
                           const struct alert_time *time, int64_t now_ms) {
  struct rule *rule = alert->rule;
  struct alert_change change;
  if (alert_evaluate(&alert->alert, &rule->limits, value,
                     is_disabled(alert, now_ms), time, &change)) {
    queue_change(context, alert, &change, now_ms);
  } else if (wants_each_reading(alert)) {
    queue_reminder(context, alert, now_ms);
  }
  rule_update_claim(rule, &alert->alert, &alert->claim);
  rule_update_worst(rule, &alert->alert);
}

void series_evaluate(struct series_context *context, struct series *series,
                     const struct reading *reading, int64_t now_ms) {
  int64_t elapsed_ns = find_elapsed_ns(series, reading, now_ms);
  if (elapsed_ns < 0) {
    return;
  }
  series->interval_ms = clamp_interval_ms(reading->interval_ns);
  series->time_ns = reading->time_ns;
  series->clock_ms += elapsed_ns / NS_PER_MS;
  double values[SOURCES_MAX];
  compute_source_values(series, reading, elapsed_ns, values);
  for (size_t i = 0; i < series->outputs_len; i++) {
    const struct series_output *output = &series->outputs[i];
    condition_input_set(output->input, values[output->source], now_ms,
                        series->interval_ms);
  }
  const struct alert_time time = make_reading_time(series, reading);
  for (size_t i = 0; i < series->alerts_len; i++) {
    struct series_alert *alert = &series->alerts[i];
    double value = values[alert->source];
    if (alert->rule->limits.is_percentage) {
      value = compute_percentage(value, values, series->type->sources_len);
    }
    if (!isnan(value)) { /* NaN is no reading: a series of it is missing */
      series->seen_ms = now_ms;
      evaluate_alert(context, alert, value, &time, now_ms);
    }
  }
}

/* ---- time passes ---- */

void series_queue_overdue(struct series_context *context, struct series *series,
                          int64_t now_ms, int64_t wall_ms,
                          double missing_intervals) {
  int64_t silent_ms = now_ms - series->seen_ms;
  bool is_missing =
      (double)silent_ms >= missing_intervals * (double)series->interval_ms;
  for (size_t i = 0; i < series->alerts_len; i++) {
    struct series_alert *alert = &series->alerts[i];
    const struct rule_limits *limits = &alert->rule->limits;
    struct alert_change change;
    if (is_missing && alert_mark_missing(&alert->alert, limits, wall_ms,
                                         silent_ms, &change)) {
      rule_hold_claim(alert->rule, &alert->alert, change.from, now_ms,
                      &alert->claim);
      queue_change(context, alert, &change, now_ms);
      rule_update_worst(alert->rule, &alert->alert);
    } else if (awaits_reminder(alert) &&
               (double)(now_ms - alert->notified_ms) >=
                   1000 * limits->repeat_s) {
      queue_reminder(context, alert, now_ms);
    }
  }
}

void series_forget(struct series_context *context, struct series *series,
                   int64_t now_ms, int64_t wall_ms) {
  for (size_t i = 0; i < series->alerts_len; i++) {
    struct series_alert *alert = &series->alerts[i];
    struct alert_change change;
    if (alert_forget(&alert->alert, wall_ms, &change)) {
      queue_change(context, alert, &change, now_ms);
    }
    rule_reset_alert(alert->rule, &alert->alert, &alert->claim);
  }
  series->time_ns = series->clock_ms = 0;
  series->seen_ms = INT64_MIN / 4; /* long ago */
}

bool series_is_queued(const struct series *series) {
  for (size_t i = 0; i < series->alerts_len; i++) {
    if (series->alerts[i].is_queued) {
      return true;
    }
  }
  return false;
}

struct series_alert *series_restore_alert(struct series *series,
                                          const char *rule_name,
                                          const char *source_name,
                                          const struct alert *restored,
                                          int64_t notified_ms) {
  for (size_t i = 0; i < series->alerts_len; i++) {
    struct series_alert *alert = &series->alerts[i];
    if (strcmp(alert->rule->name, rule_name) != 0 ||
        strcmp(series_source_name(series, alert->source), source_name) != 0) {
      continue;
    }
    atomic_fetch_sub(&alert->rule->counts[alert->alert.state], 1);
    atomic_fetch_add(&alert->rule->counts[restored->state], 1);
    alert->alert = *restored;
    rule_update_claim(alert->rule, restored, &alert->claim);
    alert->notified_ms = notified_ms;
    return alert;
  }
  return NULL;
}

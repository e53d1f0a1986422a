/* SPDX-License-Identifier: MIT */
/* table_hear: notifications of other plugins as readings of series of their
 * own: 0 okay, 1 warning, 2 failure. */
#include <math.h>
#include <string.h>

#include "resource_alert/alerts/table_parts.h"

static void describe(const void *unused, size_t source,
                     struct reading_source *ret_source) {
  (void)unused;
  (void)source;
  *ret_source = (struct reading_source){.name = "severity",
                                        .kind = READING_GAUGE,
                                        .min = (double)NAN,
                                        .max = (double)NAN};
}

/* Apart from the value series of the same names, and for each rule. */
static struct fingerprint id_of(const struct table *table,
                                const struct reading_names *names,
                                const struct rule *rule) {
  struct fingerprint id = fingerprint_of_names(names, &table->store.key);
  id.low ^= (rule->index + 1) * UINT64_C(0x9e3779b97f4a7c15);
  return id;
}

/* Such that the table misses it once its time is up. */
static int64_t interval_ns(const struct table *table, const struct rule *rule) {
  return (int64_t)(rule->notification->ttl_s * 1e9 /
                   table->limits.missing_intervals);
}

static struct series *lock_heard(struct table *table, struct rule *rule,
                                 const struct reading *reading,
                                 bool may_be_new) {
  const struct sighting sighting = {
      .reading = reading,
      .id = id_of(table, reading->names, rule),
      .rule = rule,
  };
  struct series *series = series_index_find(&table->index, sighting.id);
  return series == NULL && !may_be_new
             ? NULL
             : table_lock_series(table, &sighting, series);
}

static void hear(struct table *table, struct rule *rule,
                 const struct reading_names *names,
                 enum notification_rule_word word, int64_t wall_ms) {
  double severity = (int)word - NOTIFICATION_RULE_OKAY;
  struct reading reading = {
      .names = names,
      .type = {.describe = describe},
      .time_ns = wall_ms * 1000000,
      .interval_ns = interval_ns(table, rule),
      .values_len = 1,
      .values = &severity,
  };
  bool may_be_new = word != NOTIFICATION_RULE_OKAY;
  struct series *series = lock_heard(table, rule, &reading, may_be_new);
  if (series == NULL) {
    return;
  }
  const struct series_body *body = series_load(series->body);
  if (reading.time_ns <= body->time_ns) { /* in the same ms, or set back */
    reading.time_ns = body->time_ns + 1;
  }
  series_take(series, &reading, series_load(table->now_ms), table->changes);
  series_unlock(series);
}

void table_hear(struct table *table, const struct notification *notification,
                int64_t wall_ms) {
  const struct rules *rules = table->rules;
  struct reading_names names;
  notification_rule_names(notification, &names);
  for (size_t i = rules->thresholds_len; i < rules->named_len; i++) {
    struct rule *rule = &rules->items[i];
    enum notification_rule_word word =
        notification_rule_word(rule->notification, notification);
    if (word != NOTIFICATION_RULE_NOTHING) {
      hear(table, rule, &names, word, wall_ms);
    }
  }
}

struct series *table_lock_heard(struct table *table, const char *rule,
                                const struct reading_names *names) {
  const struct rules *rules = table->rules;
  for (size_t i = rules->thresholds_len; i < rules->named_len; i++) {
    if (strcmp(rules->items[i].name, rule) == 0) {
      const struct reading reading = {
          .names = names,
          .type = {.describe = describe},
          .interval_ns = interval_ns(table, &rules->items[i]),
          .values_len = 1,
      };
      return lock_heard(table, &rules->items[i], &reading, true);
    }
  }
  return NULL;
}

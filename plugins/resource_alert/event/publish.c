/* SPDX-License-Identifier: MIT */
/* publish: the engine's own state as collectd data. */
#include "resource_alert/event/publish.h"

#include <string.h>

#include "resource_alert/event/announcement.h"

#define WATCHES_MAX 32 /* of one series that are published */

void publish_rules(const struct rules *rules, const struct sample_sink *sink) {
  for (size_t i = 0; i < rules->named_len; i++) {
    sample_put_gauge(sink, rules->items[i].name, "alert_state", "",
                     alert_state_gauge(rule_worst(&rules->items[i])));
  }
}

void publish_counts(const struct publish_counts *counts,
                    const struct sample_sink *sink) {
  sample_put_gauge(sink, "", "gauge", "series", (double)counts->table.series);
  sample_put_gauge(sink, "", "gauge", "watched", (double)counts->table.watched);
  sample_put_derive(sink, "", "derive", "refused",
                    (int64_t)counts->table.refused);
  sample_put_derive(sink, "", "derive", "transitions",
                    (int64_t)counts->transitions);
  sample_put_derive(sink, "", "derive", "dropped_notifications",
                    (int64_t)counts->dropped);
  sample_put_derive(sink, "", "derive", "evaluations",
                    (int64_t)counts->work.taken);
  if (counts->work.timing_ns > 0) {
    sample_put_gauge(sink, "", "duration", "evaluation",
                     (double)counts->work.timing_ns / 1e9);
  }
}

struct state_of_rule {
  const char *rule; /* lives as long as the rules */
  double state;
  char instance[READING_NAME_BYTES];
};

/* Copies up to WATCHES_MAX states. Under the series' lock. Returns how many. */
static size_t copy_states(const struct series *series, const char *host,
                          struct state_of_rule *states) {
  const struct series_body *body = series->body;
  size_t len = 0;
  if (strcmp(body->names.plugin, "resource_alert") == 0) {
    return 0;
  }
  for (size_t i = 0; i < body->watches_len && len < WATCHES_MAX; i++) {
    const struct watch *watch = &body->watches[i];
    if (watch->rule->is_stock) {
      continue; /* its name is no name of a value */
    }
    states[len].rule = watch->rule->name;
    states[len].state = alert_state_gauge((enum alert_state)watch->alert.state);
    announcement_format_instance(body, watch->source, host,
                                 states[len].instance,
                                 sizeof(states[len].instance));
    len++;
  }
  return len;
}

void publish_series(struct table *table, const char *host,
                    const struct sample_sink *sink) {
  struct state_of_rule states[WATCHES_MAX];
  struct series *series;
  for (size_t cursor = 0; (series = table_lock_next(table, &cursor)) != NULL;) {
    size_t len = copy_states(series, host, states);
    series_unlock(series);
    for (size_t i = 0; i < len; i++) {
      sample_put_gauge(sink, states[i].rule, "alert_state", states[i].instance,
                       states[i].state);
    }
  }
}

/* SPDX-License-Identifier: MIT */
/* publish: the engine's own state as collectd data. */
#ifndef RESOURCE_ALERT_EVENT_PUBLISH_H
#define RESOURCE_ALERT_EVENT_PUBLISH_H

#include <stdint.h>

#include "core/metric.h"
#include "resource_alert/alerts/table.h"
#include "resource_alert/rules/rule.h"

struct publish_counts {
  struct table_counts table;
  struct table_work work;
  uint64_t transitions;
  uint64_t dropped; /* notifications */
};

/* ROW/alert_state: the worst over the rule's series. */
void publish_rules(const struct rules *rules, const struct sample_sink *sink);

/* ROW/alert_state-SERIES: one for each series of each rule; not for series of
 * this plugin itself, which would breed. No lock is held while a sample is
 * put. host: this machine, whose name is left out. */
void publish_series(struct table *table, const char *host,
                    const struct sample_sink *sink);

/* gauge-series, gauge-watched, derive-refused, derive-transitions,
 * derive-dropped_notifications, derive-evaluations, duration-evaluation. */
void publish_counts(const struct publish_counts *counts,
                    const struct sample_sink *sink);

#endif

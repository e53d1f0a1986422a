/* SPDX-License-Identifier: MIT */
/* status_rules: the threshold table as it stands, as JSON. */
#ifndef RESOURCE_ALERT_STATUS_STATUS_RULES_H
#define RESOURCE_ALERT_STATUS_STATUS_RULES_H

#include <jansson.h>
#include <stddef.h>

#include "resource_alert/alerts/table.h"
#include "resource_alert/rules/rule.h"

/* How many series of a rule are shown, the worst first. */
#define STATUS_SERIES_MAX 20

/* Walks the table, a series' lock at a time; any thread.
 * Returns [{"name","state","since","value","unit","limits","inverted",
 * "series_count","counts","series":[{"name","state","value","since","flapping"}]}]:
 * yours; NULL without memory. */
json_t *status_rules(const struct rules *rules, struct table *table);

#endif

/* SPDX-License-Identifier: MIT */
/* stock_rules: <Host>, <Plugin> and <Type> blocks as rules of the table. */
#ifndef RESOURCE_ALERT_TABLE_STOCK_RULES_H
#define RESOURCE_ALERT_TABLE_STOCK_RULES_H

#include <stddef.h>

#include "core/metric.h"
#include "resource_alert/table/stock_options.h"

struct rule;

/* Which series a block is for. NULL: any. Borrowed from the options. */
struct stock_scope {
  const char *host;
  const char *plugin;
  const char *plugin_instance;
  const char *type;
  const char *type_instance;
  const char *source;
};

/* How many <Type> blocks there are, in all places. */
size_t stock_rules_count(const struct stock_options *options);

/* Fills that many rules and scopes. Each rule's name, [host/]plugin/type with *
 * for any, is the rule's own: rule->owned_name.
 * Returns 0 or -ENOMEM. */
int stock_rules_fill(const struct stock_options *options, struct rule *rules,
                     struct stock_scope *scopes);

/* How special the scope is if it fits the series: 0 to 15, a host counting for
 * more than a plugin, that for more than its instance, that for more than a
 * type's instance; -1 if it does not fit. */
int stock_scope_rank(const struct stock_scope *scope,
                     const struct reading_names *names);

#endif

/* SPDX-License-Identifier: MIT */
/* threshold_compat: the <Host>, <Plugin> and <Type> blocks of collectd's own
 * threshold plugin, read as rules. */
#ifndef RESOURCE_ALERT_RULES_THRESHOLD_COMPAT_H
#define RESOURCE_ALERT_RULES_THRESHOLD_COMPAT_H

#include <stddef.h>

#include "core/metric.h"
#include "core/option.h"

/* <Type>. Limits: NaN where none is set. */
struct stock_type_options {
  struct option_head head;
  char *instance; /* NULL: any */
  char *source;   /* NULL: any */
  double warning_min, warning_max;
  double failure_min, failure_max;
  double hysteresis;
  int64_t hits;
  bool is_inverted;
  bool is_percentage;
  bool is_persistent;
  bool is_okay_persistent;
  bool is_interesting;
};

/* <Plugin>. */
struct stock_plugin_options {
  struct option_head head;
  char *instance;             /* NULL: any */
  struct option_blocks types; /* struct stock_type_options */
};

/* <Host>. */
struct stock_host_options {
  struct option_head head;
  struct option_blocks plugins; /* struct stock_plugin_options */
  struct option_blocks types;   /* struct stock_type_options */
};

/* What may stand in <Plugin threshold>. */
struct stock_options {
  struct option_blocks hosts;
  struct option_blocks plugins;
  struct option_blocks types;
};

extern const struct option_block stock_host_block;
extern const struct option_block stock_plugin_block;
extern const struct option_block stock_type_block;

/* The rules of the outermost table. outer: its struct's tag; member: its field
 * of struct stock_options. */
#define STOCK_OPTION_ROWS(outer, member)                                       \
  {.name = "Host",                                                             \
   .kind = OPTION_BLOCK,                                                       \
   .offset = offsetof(struct outer, member.hosts),                             \
   .block = &stock_host_block},                                                \
      {.name = "Plugin",                                                       \
       .kind = OPTION_BLOCK,                                                   \
       .offset = offsetof(struct outer, member.plugins),                       \
       .block = &stock_plugin_block},                                          \
  {                                                                            \
    .name = "Type", .kind = OPTION_BLOCK,                                      \
    .offset = offsetof(struct outer, member.types), .block = &stock_type_block \
  }

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

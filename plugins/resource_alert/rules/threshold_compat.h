/* SPDX-License-Identifier: MIT */
/* threshold_compat: the <Host>, <Plugin> and <Type> blocks of collectd's own
 * threshold plugin, read as rules. */
#pragma once

#include <stddef.h>

#include "core/metric.h"
#include "core/option.h"
#include "resource_alert/rules/metric_selector.h"
#include "resource_alert/rules/rule_options.h"

/* <Type>. */
struct threshold_compat_type {
  struct option_head head;
  size_t instances_above;    /* lines of the plugin: the last of them counts */
  char *instance;            /* NULL, "": any */
  char *source;              /* NULL, "": any */
  struct rule_limits limits; /* but for missing */
  bool is_persistent;
  bool is_okay_persistent;
  bool is_interesting;
};

/* <Plugin>. */
struct threshold_compat_plugin {
  struct option_head head;
  struct option_strings instances; /* each is for the types below it */
  struct option_blocks types;      /* struct threshold_compat_type */
};

/* <Host>. */
struct threshold_compat_host {
  struct option_head head;
  struct option_blocks plugins; /* struct threshold_compat_plugin */
  struct option_blocks types;   /* struct threshold_compat_type */
};

/* The content of <Plugin threshold>. */
struct threshold_compat_options {
  struct option_blocks hosts;
  struct option_blocks plugins;
  struct option_blocks types;
};

extern const struct option_block threshold_compat_host_block;
extern const struct option_block threshold_compat_plugin_block;
extern const struct option_block threshold_compat_type_block;

/* The options of the outermost block. outer: the tag of its struct; member: the
 * field with a struct threshold_compat_options. */
#define THRESHOLD_COMPAT_OPTIONS(outer, member)                                \
  {OPTION("Host", BLOCK, struct outer, member.hosts),                          \
   .block = &threshold_compat_host_block},                                     \
      {OPTION("Plugin", BLOCK, struct outer, member.plugins),                  \
       .block = &threshold_compat_plugin_block},                               \
  {                                                                            \
    OPTION("Type", BLOCK, struct outer, member.types),                         \
        .block = &threshold_compat_type_block                                  \
  }

struct rules;

/* Which series a <Type> block is for. NULL: any. Borrowed from the options. */
struct threshold_compat_scope {
  const char *host;
  const char *plugin;
  const char *plugin_instance;
  const char *type;
  const char *type_instance;
  const char *source;
};

/* Adds a rule for each <Type> block at any level. Its name is
 * [host/]plugin/type with * for any, and owned: rule->owned_name. Returns 0 or
 * -ENOMEM. */
int threshold_compat_add_rules(const struct threshold_compat_options *options,
                               struct rules *rules);

/* How specific the scope is if it fits the series: 0 to 15; a host counts for
 * more than a plugin, that for more than its instance, that for more than a
 * type's instance; -1 if it does not fit. subject: of the names. */
int threshold_compat_rank(const struct threshold_compat_scope *scope,
                          const struct metric_selector_subject *subject,
                          const struct reading_names *names);

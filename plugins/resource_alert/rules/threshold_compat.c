/* SPDX-License-Identifier: MIT */
/* threshold_compat: the <Host>, <Plugin> and <Type> blocks of collectd's own
 * threshold plugin, read as rules. */
#include "resource_alert/rules/threshold_compat.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "resource_alert/rules/rule.h"
#include "resource_alert/rules/rule_options.h"

#define SWITCH(option_name, field, preset, text)                               \
  {                                                                            \
    .name = option_name, .kind = OPTION_BOOLEAN,                               \
    .offset = offsetof(struct stock_type_options, field),                      \
    .default_text = preset, .help = text                                       \
  }

static const struct option type_options[] = {
    {.name = "Instance",
     .kind = OPTION_STRING,
     .offset = offsetof(struct stock_type_options, instance),
     .example = "\"idle\"",
     .help = "The type instance; any where it is not written."},
    {.name = "DataSource",
     .kind = OPTION_STRING,
     .offset = offsetof(struct stock_type_options, source),
     .example = "\"value\"",
     .help = "The data source; any where it is not written."},
    LIMIT_OPTION_ROWS(stock_type_options),
    {.name = "Hysteresis",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct stock_type_options, hysteresis),
     .max = HUGE_VAL,
     .default_text = "0",
     .help = "How far a value must come back inside a limit."},
    {.name = "Hits",
     .kind = OPTION_INTEGER,
     .offset = offsetof(struct stock_type_options, hits),
     .max = 65535,
     .unit = "readings",
     .default_text = "0",
     .help = "How many readings in a rule must be beyond a limit."},
    SWITCH("Invert", is_inverted, "false", "A value inside the limits is bad."),
    SWITCH("Percentage", is_percentage, "false",
           "The limits are percentages of the sum over all data sources."),
    SWITCH("Persist", is_persistent, "false",
           "A notification with every reading that is not okay."),
    SWITCH("PersistOK", is_okay_persistent, "false",
           "With B<Persist>, a notification with every reading that is okay, "
           "too."),
    SWITCH("Interesting", is_interesting, "true",
           "A series that stops is a failure."),
};

const struct option_block stock_type_block = {
    .name = "Type",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .may_share_label = true,
    .size = sizeof(struct stock_type_options),
    .help = "Limits for all series of a type, as in collectd's own "
            "C<threshold> plugin; of those that fit a series the most special "
            "ones count. See L</Blocks of the threshold plugin>.",
    .options = type_options,
    .options_len = OPTION_COUNT(type_options),
};

static const struct option plugin_options[] = {
    {.name = "Instance",
     .kind = OPTION_STRING,
     .offset = offsetof(struct stock_plugin_options, instance),
     .example = "\"eth0\"",
     .help = "The plugin instance; any where it is not written."},
    {.name = "Type",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct stock_plugin_options, types),
     .block = &stock_type_block},
};

const struct option_block stock_plugin_block = {
    .name = "Plugin",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .may_share_label = true,
    .size = sizeof(struct stock_plugin_options),
    .help = "Types of one plugin only.",
    .options = plugin_options,
    .options_len = OPTION_COUNT(plugin_options),
};

static const struct option host_options[] = {
    {.name = "Plugin",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct stock_host_options, plugins),
     .block = &stock_plugin_block},
    {.name = "Type",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct stock_host_options, types),
     .block = &stock_type_block},
};

const struct option_block stock_host_block = {
    .name = "Host",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .may_share_label = true,
    .size = sizeof(struct stock_host_options),
    .help = "Plugins and types of one host only.",
    .options = host_options,
    .options_len = OPTION_COUNT(host_options),
};

/* Calls SEE for every <Type> with the scope that it stands in. */
struct visitor {
  int (*see)(struct visitor *visitor, const struct stock_type_options *type,
             struct stock_scope scope);
  size_t len;
  struct rule *rules;
  struct stock_scope *scopes;
};

static int visit_types(struct visitor *visitor,
                       const struct option_blocks *types,
                       struct stock_scope scope) {
  const struct stock_type_options *type = types->items;
  int code = 0;
  for (size_t i = 0; i < types->len && code == 0; i++) {
    scope.type = type[i].head.label;
    scope.type_instance = type[i].instance;
    scope.source = type[i].source;
    code = visitor->see(visitor, &type[i], scope);
  }
  return code;
}

static int visit_plugins(struct visitor *visitor,
                         const struct option_blocks *plugins,
                         struct stock_scope scope) {
  const struct stock_plugin_options *plugin = plugins->items;
  int code = 0;
  for (size_t i = 0; i < plugins->len && code == 0; i++) {
    scope.plugin = plugin[i].head.label;
    scope.plugin_instance = plugin[i].instance;
    code = visit_types(visitor, &plugin[i].types, scope);
  }
  return code;
}

static int visit(struct visitor *visitor, const struct stock_options *options) {
  const struct stock_host_options *host = options->hosts.items;
  const struct stock_scope any = {0};
  int code = visit_types(visitor, &options->types, any);
  if (code == 0) {
    code = visit_plugins(visitor, &options->plugins, any);
  }
  for (size_t i = 0; i < options->hosts.len && code == 0; i++) {
    struct stock_scope scope = {.host = host[i].head.label};
    code = visit_types(visitor, &host[i].types, scope);
    if (code == 0) {
      code = visit_plugins(visitor, &host[i].plugins, scope);
    }
  }
  return code;
}

static int count(struct visitor *visitor, const struct stock_type_options *type,
                 struct stock_scope scope) {
  (void)type;
  (void)scope;
  visitor->len++;
  return 0;
}

size_t stock_rules_count(const struct stock_options *options) {
  struct visitor visitor = {.see = count};
  (void)visit(&visitor, options);
  return visitor.len;
}

/* "-INSTANCE" or "". */
#define DASH(instance) ((instance) == NULL ? "" : "-")
#define TEXT(part, any) ((part) == NULL ? (any) : (part))

static int name_rule(struct rule *rule, const struct stock_scope *scope) {
  int length = asprintf(
      &rule->owned_name, "%s%s%s%s%s/%s%s%s%s%s", TEXT(scope->host, ""),
      scope->host == NULL ? "" : "/", TEXT(scope->plugin, "*"),
      DASH(scope->plugin_instance), TEXT(scope->plugin_instance, ""),
      scope->type, DASH(scope->type_instance), TEXT(scope->type_instance, ""),
      scope->source == NULL ? "" : ":", TEXT(scope->source, ""));
  if (length < 0) {
    rule->owned_name = NULL;
    return -ENOMEM;
  }
  rule->name = rule->owned_name;
  return 0;
}

static int fill(struct visitor *visitor, const struct stock_type_options *type,
                struct stock_scope scope) {
  struct rule *rule = &visitor->rules[visitor->len];
  rule->limits = (struct alert_limits){
      .warning_min = type->warning_min,
      .warning_max = type->warning_max,
      .failure_min = type->failure_min,
      .failure_max = type->failure_max,
      .hysteresis = type->hysteresis,
      .hits = (uint32_t)type->hits,
      .missing =
          type->is_interesting ? ALERT_MISSING_FAILURE : ALERT_MISSING_IGNORE,
      .is_inverted = type->is_inverted,
  };
  rule->is_percentage = type->is_percentage;
  rule->is_persistent = type->is_persistent;
  rule->is_okay_persistent = type->is_persistent && type->is_okay_persistent;
  rule->is_stock = true;
  rule->unit = "";
  visitor->scopes[visitor->len] = scope;
  rule->scope = &visitor->scopes[visitor->len++];
  return name_rule(rule, rule->scope);
}

int stock_rules_fill(const struct stock_options *options, struct rule *rules,
                     struct stock_scope *scopes) {
  struct visitor visitor = {.see = fill, .rules = rules, .scopes = scopes};
  return visit(&visitor, options);
}

/* Adds one part to *RANK. False if the part does not fit. */
static bool fits(const char *wanted, const char *name, int weight, int *rank) {
  if (wanted == NULL) {
    return true;
  }
  *rank += weight;
  return strcmp(wanted, name) == 0;
}

int stock_scope_rank(const struct stock_scope *scope,
                     const struct reading_names *names) {
  int rank = 0;
  bool is_fit =
      strcmp(scope->type, names->type) == 0 &&
      fits(scope->host, names->host, 8, &rank) &&
      fits(scope->plugin, names->plugin, 4, &rank) &&
      fits(scope->plugin_instance, names->plugin_instance, 2, &rank) &&
      fits(scope->type_instance, names->type_instance, 1, &rank);
  return is_fit ? rank : -1;
}

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
    OPTION(option_name, BOOLEAN, struct threshold_compat_type, field),         \
        .default_text = preset, .help = text                                   \
  }

static const struct option compat_type_rows[] = {
    {OPTION("Instance", STRING, struct threshold_compat_type, instance),
     .example = "\"idle\"",
     .help = "The type instance. By default every type instance matches."},
    {OPTION("DataSource", STRING, struct threshold_compat_type, source),
     .example = "\"value\"",
     .help = "The data source. By default every data source matches."},
    RULE_LIMIT_OPTIONS(threshold_compat_type),
    {OPTION("Hits", INTEGER, struct threshold_compat_type, limits.hits),
     .max = 65535, .unit = "readings", .default_text = "0",
     .help = "Number of consecutive readings beyond a limit before the state "
             "gets worse."},
    SWITCH("Persist", is_persistent, "false",
           "Send a notification with every reading that is not OKAY."),
    SWITCH("PersistOK", is_okay_persistent, "false",
           "With B<Persist>, also send a notification with every reading that "
           "is OKAY."),
    SWITCH("Interesting", is_interesting, "true",
           "Treat a series without new values as a failure."),
};

static void note_instances_above(const void *parent, void *target) {
  const struct threshold_compat_plugin *plugin = parent;
  struct threshold_compat_type *type = target;
  type->instances_above = plugin->instances.len;
}

#define TYPE_BLOCK(begin_)                                                     \
  .name = "Type", .label = OPTION_LABEL_REQUIRED, .is_repeatable = true,       \
  .may_share_label = true, .may_repeat_options = true,                         \
  .size = sizeof(struct threshold_compat_type), .begin = begin_,               \
  .help = "Limits for all series of a type, as in collectd's own "             \
          "C<threshold> plugin. The most specific blocks that match a series " \
          "apply. See L</Blocks of the threshold plugin>.",                    \
  OPTION_ROWS(compat_type_rows)

static const struct option_block type_in_plugin_block = {
    TYPE_BLOCK(note_instances_above)};

const struct option_block threshold_compat_type_block = {TYPE_BLOCK(NULL)};

static const struct option compat_plugin_rows[] = {
    {OPTION("Instance", STRINGS, struct threshold_compat_plugin, instances),
     .example = "\"eth0\"",
     .help = "The plugin instance of the types below this line, up to the next "
             "such line. By default every plugin instance matches."},
    {OPTION("Type", BLOCK, struct threshold_compat_plugin, types),
     .block = &type_in_plugin_block},
};

const struct option_block threshold_compat_plugin_block = {
    .name = "Plugin",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .may_share_label = true,
    .size = sizeof(struct threshold_compat_plugin),
    .help = "Types of one plugin only.",
    OPTION_ROWS(compat_plugin_rows),
};

static const struct option compat_host_rows[] = {
    {OPTION("Plugin", BLOCK, struct threshold_compat_host, plugins),
     .block = &threshold_compat_plugin_block},
    {OPTION("Type", BLOCK, struct threshold_compat_host, types),
     .block = &threshold_compat_type_block},
};

const struct option_block threshold_compat_host_block = {
    .name = "Host",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .may_share_label = true,
    .size = sizeof(struct threshold_compat_host),
    .help = "Plugins and types of one host only.",
    OPTION_ROWS(compat_host_rows),
};

/* ---- from blocks to rules ---- */

/* "-INSTANCE" or "". */
#define DASH(instance) ((instance) == NULL ? "" : "-")
#define TEXT(part, any) ((part) == NULL ? (any) : (part))

/* A name that shows the scope: there is none in such a block. */
static int set_compat_rule_name(struct rule *rule) {
  const struct threshold_compat_scope *scope = &rule->scope;
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

/* NULL for an empty text: any name. */
static const char *get_asked_name(const char *text) {
  return text == NULL || text[0] == '\0' ? NULL : text;
}

/* outer: the scope of the blocks around the types; instances: its lines. */
static int add_type_rules(struct rules *rules,
                          const struct option_blocks *types,
                          const struct threshold_compat_scope *outer,
                          const struct option_strings *instances) {
  const struct threshold_compat_type *type = types->items;
  int code = 0;
  for (size_t i = 0; i < types->len && code == 0; i++) {
    struct rule *rule = rules_add(rules);
    if (rule == NULL) {
      return -ENOMEM;
    }
    rule->limits = type[i].limits;
    rule->limits.missing =
        type[i].is_interesting ? RULE_MISSING_FAILURE : RULE_MISSING_IGNORE;
    rule->is_persistent = type[i].is_persistent;
    rule->is_okay_persistent =
        type[i].is_persistent && type[i].is_okay_persistent;
    rule->is_stock = true;
    rule->scope = *outer;
    rule->scope.type = type[i].head.label;
    if (type[i].instances_above > 0) {
      rule->scope.plugin_instance =
          get_asked_name(instances->items[type[i].instances_above - 1]);
    }
    rule->scope.type_instance = get_asked_name(type[i].instance);
    rule->scope.source = get_asked_name(type[i].source);
    code = set_compat_rule_name(rule);
  }
  return code;
}

/* host: NULL for any. */
static int add_plugin_rules(struct rules *rules,
                            const struct option_blocks *plugins,
                            const char *host) {
  const struct threshold_compat_plugin *plugin = plugins->items;
  int code = 0;
  for (size_t i = 0; i < plugins->len && code == 0; i++) {
    const struct threshold_compat_scope scope = {
        .host = host,
        .plugin = plugin[i].head.label,
    };
    code =
        add_type_rules(rules, &plugin[i].types, &scope, &plugin[i].instances);
  }
  return code;
}

int threshold_compat_add_rules(const struct threshold_compat_options *options,
                               struct rules *rules) {
  const struct threshold_compat_host *host = options->hosts.items;
  const struct threshold_compat_scope any = {0};
  int code = add_type_rules(rules, &options->types, &any, NULL);
  if (code == 0) {
    code = add_plugin_rules(rules, &options->plugins, NULL);
  }
  for (size_t i = 0; i < options->hosts.len && code == 0; i++) {
    const struct threshold_compat_scope scope = {.host = host[i].head.label};
    code = add_type_rules(rules, &host[i].types, &scope, NULL);
    if (code == 0) {
      code = add_plugin_rules(rules, &host[i].plugins, host[i].head.label);
    }
  }
  return code;
}

/* ---- which blocks fit a series ---- */

/* True if JOINED is what NAME and its INSTANCE, NULL for none, are written as:
 * "cpu-0" may be one name, or a name and its instance. */
static bool is_written_as(const char *name, const char *instance,
                          const char *joined) {
  size_t length = strlen(name);
  if (strncmp(name, joined, length) != 0) {
    return false;
  }
  return instance == NULL ? joined[length] == '\0'
                          : joined[length] == '-' &&
                                strcmp(joined + length + 1, instance) == 0;
}

int threshold_compat_rank(const struct threshold_compat_scope *scope,
                          const struct metric_selector_subject *subject,
                          const struct reading_names *names) {
  int rank = 0;
  if (scope->host != NULL) {
    rank = strcmp(scope->host, names->host) == 0 ? 8 : -1;
  }
  if (rank >= 0 && scope->plugin != NULL) {
    const char *instance = scope->plugin_instance;
    rank = is_written_as(scope->plugin, instance, subject->plugin) ? rank + 6
           : is_written_as(scope->plugin, instance, names->plugin) ? rank + 4
                                                                   : -1;
  }
  if (rank < 0 ||
      is_written_as(scope->type, scope->type_instance, names->type)) {
    return rank + (names->type_instance[0] == '\0' && rank >= 0);
  }
  return is_written_as(scope->type, scope->type_instance, subject->type)
             ? rank + 1
             : -1;
}

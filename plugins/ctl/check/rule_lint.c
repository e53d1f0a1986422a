/* SPDX-License-Identifier: MIT */
/* rule_lint: finds limits, data sources and names in rules that are not what is
 * meant. */
#include "ctl/check/rule_lint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/glob.h"
#include "core/text.h"

/* Warns of limits of WARNING that are reached only behind those of FAILURE. */
static void check_limit_order(const struct rule_limits *limits,
                              const char *rule, struct config_files_place place,
                              struct lint_report *report) {
  const struct {
    const char *warning, *failure;
    double warning_at, failure_at;
    bool is_hidden;
  } pairs[] = {
      {"WarningMax", "FailureMax", limits->warning_max, limits->failure_max,
       limits->warning_max > limits->failure_max},
      {"WarningMin", "FailureMin", limits->warning_min, limits->failure_min,
       limits->warning_min < limits->failure_min},
  };
  for (size_t i = 0; i < 2 && !limits->is_inverted; i++) {
    if (pairs[i].is_hidden) {
      lint_print(report, LINT_WARNING, place,
                 "%s: WARNING is never reached: %s %.10g comes "
                 "before %s %.10g",
                 rule, pairs[i].failure, pairs[i].failure_at, pairs[i].warning,
                 pairs[i].warning_at);
    }
  }
}

/* ---- data sources ---- */

/* "shortterm, midterm, longterm" */
static void format_sources(const struct types_db_type *type, char *text,
                           size_t bytes) {
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < type->sources_len && used < bytes; i++) {
    int length = snprintf(text + used, bytes - used, "%s%s", i == 0 ? "" : ", ",
                          type->sources[i].name);
    used += length < 0 ? bytes : (size_t)length;
  }
}

/* SOURCE is a glob. rule: for the text. */
static void check_source(const struct types_db_type *type, const char *source,
                         struct config_files_place place, const char *rule,
                         struct lint_report *report) {
  char known[256];
  for (size_t i = 0; i < type->sources_len; i++) {
    if (glob_matches(source, type->sources[i].name)) {
      return;
    }
  }
  format_sources(type, known, sizeof(known));
  lint_print(report, LINT_WARNING, place,
             "%s: the type %s has no data source \"%s\"; write one of: %s",
             rule, type->name, source, known);
}

static void check_percentage(const struct types_db_type *type,
                             struct config_files_place place, const char *rule,
                             struct lint_report *report) {
  if (type->sources_len == 1) {
    lint_print(report, LINT_WARNING, place,
               "%s: Percentage: the type %s has one data source, so its value "
               "is always 100 %%",
               rule, type->name);
  }
}

/* The type of a metric's last part, "load-relative"; NULL where it is not
 * known: a wildcard may stand for the rest of the name. */
static const struct types_db_type *find_type(const struct types_db *types,
                                             const char *part) {
  char name[READING_NAME_BYTES];
  size_t length = strcspn(part, "-");
  if (length >= sizeof(name)) {
    return NULL;
  }
  (void)snprintf(name, sizeof(name), "%.*s", (int)length, part);
  return glob_is_literal(name) ? types_db_find(types, name) : NULL;
}

static void check_threshold(const struct unmatched_rules_input *input,
                            const struct rule_options *rule,
                            struct config_files_place place,
                            struct lint_report *report) {
  char name[READING_NAME_BYTES];
  (void)snprintf(name, sizeof(name), "<Threshold \"%s\">", rule->head.label);
  check_limit_order(&rule->limits, name, place, report);
  for (size_t i = 0; i < rule->metrics.len; i++) {
    struct metric_selector selector;
    if (metric_selector_init(&selector, rule->metrics.items[i], NULL) != 0) {
      continue;
    }
    const struct types_db_type *type = find_type(input->types, selector.type);
    if (type != NULL && selector.source != NULL) {
      check_source(type, selector.source, place, name, report);
    }
    if (type != NULL && rule->limits.is_percentage) {
      check_percentage(type, place, name, report);
    }
    metric_selector_fini(&selector);
  }
}

/* ---- blocks of the threshold plugin ---- */

static void check_stock_type(const struct unmatched_rules_input *input,
                             const struct threshold_compat_type *options,
                             struct config_files_place place,
                             struct lint_report *report) {
  char name[READING_NAME_BYTES];
  (void)snprintf(name, sizeof(name), "<Type \"%s\">", options->head.label);
  check_limit_order(&options->limits, name, place, report);
  const struct types_db_type *type =
      find_type(input->types, options->head.label);
  if (type == NULL) {
    lint_print(report, LINT_WARNING, place, "%s: no TypesDB has this type",
               name);
    return;
  }
  if (options->source != NULL && options->source[0] != '\0') {
    check_source(type, options->source, place, name, report);
  }
  if (options->limits.is_percentage) {
    check_percentage(type, place, name, report);
  }
}

/* The blocks <Type> in a block, in the order of reading: places follow them. */
static void check_stock_types(const struct unmatched_rules_input *input,
                              const struct option_blocks *types,
                              struct config_files_place parent,
                              struct lint_report *report) {
  const struct threshold_compat_type *options = types->items;
  size_t at = 0;
  for (size_t i = 0; i < parent.item->children_len && at < types->len; i++) {
    const struct config_item *child = &parent.item->children[i];
    if (strcasecmp(child->key, "Type") == 0) {
      check_stock_type(input, &options[at++],
                       (struct config_files_place){parent.path, child}, report);
    }
  }
}

/* A plugin with its instance, "cpu-0", is known as well. */
static void check_stock_plugin(const struct unmatched_rules_input *input,
                               const struct threshold_compat_plugin *plugin,
                               struct config_files_place place,
                               struct lint_report *report) {
  const char *name = plugin->head.label;
  if (glob_is_literal(name) &&
      !unmatched_rules_receives_any_name(input->files) &&
      !unmatched_rules_has_plugin(input, name)) {
    lint_print(report, LINT_WARNING, place,
               "<Plugin \"%s\">: no loaded plugin sends values of this name",
               name);
  }
  check_stock_types(input, &plugin->types, place, report);
}

/* key: "Plugin". parent: the block <Host>. */
static void check_stock_host(const struct unmatched_rules_input *input,
                             const struct threshold_compat_host *host,
                             struct config_files_place parent,
                             struct lint_report *report) {
  const struct threshold_compat_plugin *plugins = host->plugins.items;
  size_t at = 0;
  check_stock_types(input, &host->types, parent, report);
  for (size_t i = 0; i < parent.item->children_len && at < host->plugins.len;
       i++) {
    const struct config_item *child = &parent.item->children[i];
    if (strcasecmp(child->key, "Plugin") == 0) {
      check_stock_plugin(input, &plugins[at++],
                         (struct config_files_place){parent.path, child},
                         report);
    }
  }
}

static void check_stock_blocks(const struct unmatched_rules_input *input,
                               struct lint_report *report) {
  const struct threshold_compat_options *stock =
      &input->resource_alert->rules.stock;
  const struct threshold_compat_host *hosts = stock->hosts.items;
  const struct threshold_compat_plugin *plugins = stock->plugins.items;
  const struct threshold_compat_type *types = stock->types.items;
  for (size_t i = 0; i < stock->hosts.len; i++) {
    check_stock_host(
        input, &hosts[i],
        config_files_find_block(input->files, "resource_alert", "Host", i),
        report);
  }
  for (size_t i = 0; i < stock->plugins.len; i++) {
    check_stock_plugin(
        input, &plugins[i],
        config_files_find_block(input->files, "resource_alert", "Plugin", i),
        report);
  }
  for (size_t i = 0; i < stock->types.len; i++) {
    check_stock_type(
        input, &types[i],
        config_files_find_block(input->files, "resource_alert", "Type", i),
        report);
  }
}

void rule_lint_check(const struct unmatched_rules_input *input,
                     struct lint_report *report) {
  const struct option_blocks *blocks = &input->resource_alert->rules.thresholds;
  const struct rule_options *rules = blocks->items;
  for (size_t i = 0; i < blocks->len; i++) {
    check_threshold(
        input, &rules[i],
        config_files_find_block(input->files, "resource_alert", "Threshold", i),
        report);
  }
  check_stock_blocks(input, report);
}

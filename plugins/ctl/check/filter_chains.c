/* SPDX-License-Identifier: MIT */
/* filter_chains: finds filter chains that collectd refuses, and rules whose
 * values a chain keeps away from resource_alert.
 *
 * The chains are followed as collectd does, for the plugin that a rule names:
 * all values of a plugin either certainly meet a match, certainly do not, or
 * it is not known, which ends the search. */
#include "ctl/check/filter_chains.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/glob.h"
#include "core/metric.h"
#include "core/text.h"

#define DEPTH_MAX 16 /* of jumps */

enum verdict {
  VERDICT_CONTINUES, /* to the end of the chain */
  VERDICT_STOPPED,   /* kept away */
  VERDICT_REACHES,   /* or may */
};

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

struct chain_search {
  const struct config_files *files;
  const char *plugin; /* of the values; "": not known */
  int depth;
};

static bool is_key(const struct config_item *item, const char *key) {
  return strcasecmp(item->key, key) == 0;
}

static bool is_named(const struct config_item *item, const char *name) {
  const char *own = config_files_get_name(item);
  return own != NULL && strcasecmp(own, name) == 0;
}

/* ---- what collectd refuses ---- */

struct chain_lint {
  const struct config_files *files;
  const char *path;
  size_t index; /* of the chain among the statements */
  struct lint_report *report;
};

static void print_refusal(const struct chain_lint *lint,
                          const struct config_item *item, const char *text) {
  lint_print(lint->report, LINT_ERROR,
             (struct config_files_place){lint->path, item}, "<Chain>: %s",
             text);
}

/* The plugin of a match or target must be loaded before. kind: "match". */
static bool is_part_loaded(const struct chain_lint *lint, const char *kind,
                           const char *name) {
  static const char *const built_in[] = {"jump", "return", "stop", "write",
                                         NULL};
  char plugin[READING_NAME_BYTES];
  size_t loaded_at = 0;
  (void)snprintf(plugin, sizeof(plugin), "%s_%s", kind, name);
  return (strcmp(kind, "target") == 0 && text_find_word(built_in, name) >= 0) ||
         (config_files_find_load_plugin(lint->files, plugin, &loaded_at) &&
          loaded_at < lint->index);
}

/* The match takes regular expressions, and needs one. */
static void lint_regex(const struct chain_lint *lint,
                       const struct config_item *match) {
  static const char *const lines[] = {
      "Host", "MetaData",     "Plugin", "PluginInstance",
      "Type", "TypeInstance", NULL};
  size_t good = 0;
  for (size_t i = 0; i < match->children_len; i++) {
    const struct config_item *line = &match->children[i];
    const char *pattern = config_files_get_name(line);
    regex_t compiled;
    if (text_find_word(lines, line->key) < 0 || pattern == NULL) {
      continue;
    }
    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
      print_refusal(lint, line, "this is no regular expression");
      return;
    }
    regfree(&compiled);
    good++;
  }
  if (good == 0) {
    print_refusal(lint, match,
                  "the match has no regular expression: write Plugin "
                  "\"^NAME$\" or the like");
  }
}

/* item: a Match or a Target. */
static void lint_part(const struct chain_lint *lint, const char *kind,
                      const struct config_item *item) {
  const char *name = config_files_get_name(item);
  char text[2 * READING_NAME_BYTES];
  if (name == NULL) {
    print_refusal(lint, item, "Match and Target take one name each");
  } else if (!is_part_loaded(lint, kind, name)) {
    (void)snprintf(text, sizeof(text),
                   "there is no %s \"%s\" yet: write LoadPlugin %s_%s before "
                   "the chain",
                   kind, name, kind, name);
    print_refusal(lint, item, text);
  } else if (strcmp(kind, "match") == 0 && strcasecmp(name, "regex") == 0) {
    lint_regex(lint, item);
  } else if (strcmp(kind, "target") == 0 && strcasecmp(name, "jump") == 0 &&
             config_item_find(item, "Chain") == NULL) {
    print_refusal(lint, item, "jump needs the line Chain \"NAME\"");
  }
}

static void lint_rule(const struct chain_lint *lint,
                      const struct config_item *rule) {
  size_t targets = 0;
  if (rule->values_len > 0 && config_files_get_name(rule) == NULL) {
    print_refusal(lint, rule, "<Rule> takes one name at most");
  }
  for (size_t i = 0; i < rule->children_len; i++) {
    const struct config_item *part = &rule->children[i];
    bool is_target = is_key(part, "Target");
    targets += is_target;
    if (is_target || is_key(part, "Match")) {
      lint_part(lint, is_target ? "target" : "match", part);
    } else {
      print_refusal(lint, part, "<Rule> holds Match and Target only");
    }
  }
  if (targets == 0) {
    print_refusal(lint, rule, "the rule has no Target");
  }
}

static void lint_chain(const struct chain_lint *lint,
                       const struct config_item *chain) {
  if (config_files_get_name(chain) == NULL) {
    print_refusal(lint, chain, "write <Chain \"NAME\">");
  }
  for (size_t i = 0; i < chain->children_len; i++) {
    const struct config_item *part = &chain->children[i];
    if (is_key(part, "Rule")) {
      lint_rule(lint, part);
    } else if (is_key(part, "Target")) {
      lint_part(lint, "target", part);
    } else {
      print_refusal(lint, part, "<Chain> holds Rule and Target only");
    }
  }
}

void filter_chains_check_blocks(const struct config_files *files,
                                struct lint_report *report) {
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_files_place *statement = &files->statements[i];
    if (is_key(statement->item, "Chain")) {
      const struct chain_lint lint = {files, statement->path, i, report};
      lint_chain(&lint, statement->item);
    }
  }
}

/* ---- what does not get through ---- */

/* The last value of a statement that stands outside of all blocks; preset:
 * collectd's own. */
static const char *find_global(const struct config_files *files,
                               const char *key, const char *preset) {
  for (size_t i = 0; i < files->statements_len; i++) {
    const char *name = config_files_get_name(files->statements[i].item);
    if (is_key(files->statements[i].item, key) && name != NULL) {
      preset = name;
    }
  }
  return preset;
}

/* NULL if there is no such chain. */
static const struct config_files_place *
find_chain(const struct config_files *files, const char *name) {
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_item *item = files->statements[i].item;
    if (is_key(item, "Chain") && is_named(item, name)) {
      return &files->statements[i];
    }
  }
  return NULL;
}

/* Only <Match "regex"> with one line Plugin is understood. */
static enum answer does_match(const struct config_item *match,
                              const char *plugin) {
  const struct config_item *line = config_item_find(match, "Plugin");
  const char *pattern = line == NULL ? NULL : config_files_get_name(line);
  regex_t compiled;
  if (!is_named(match, "regex") || match->children_len != 1 ||
      pattern == NULL || plugin[0] == '\0' ||
      regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
    return ANSWER_UNKNOWN;
  }
  bool is_met = regexec(&compiled, plugin, 0, NULL, 0) == 0;
  regfree(&compiled);
  return is_met ? ANSWER_YES : ANSWER_NO;
}

/* All matches of a rule must hold; one without a match always does. */
static enum answer does_rule_apply(const struct config_item *rule,
                                   const char *plugin) {
  enum answer all = ANSWER_YES;
  for (size_t i = 0; i < rule->children_len; i++) {
    if (is_key(&rule->children[i], "Match")) {
      enum answer one = does_match(&rule->children[i], plugin);
      if (one == ANSWER_NO) {
        return ANSWER_NO;
      }
      all = one == ANSWER_UNKNOWN ? ANSWER_UNKNOWN : all;
    }
  }
  return all;
}

/* A target without plugins writes to all. */
static bool does_write_to_us(const struct config_item *target) {
  bool has_plugin = false;
  for (size_t i = 0; i < target->children_len; i++) {
    const struct config_item *line = &target->children[i];
    for (size_t k = 0; is_key(line, "Plugin") && k < line->values_len; k++) {
      const char *name =
          line->values[k].kind == CONFIG_STRING ? line->values[k].string : "";
      has_plugin = true;
      if (strcasecmp(name, "resource_alert") == 0) {
        return true;
      }
    }
  }
  return !has_plugin;
}

static enum verdict follow_chain(struct chain_search *search,
                                 const struct config_item *chain);

/* *ret_returns: the chain ends here. */
static enum verdict follow_target(struct chain_search *search,
                                  const struct config_item *target,
                                  bool *ret_returns) {
  if (is_named(target, "stop")) {
    return VERDICT_STOPPED;
  }
  if (is_named(target, "return")) {
    *ret_returns = true;
    return VERDICT_CONTINUES;
  }
  if (is_named(target, "write")) {
    return does_write_to_us(target) ? VERDICT_REACHES : VERDICT_CONTINUES;
  }
  if (is_named(target, "jump")) {
    const struct config_item *line = config_item_find(target, "Chain");
    const char *name = line == NULL ? NULL : config_files_get_name(line);
    const struct config_files_place *next =
        name == NULL ? NULL : find_chain(search->files, name);
    return next == NULL ? VERDICT_REACHES : follow_chain(search, next->item);
  }
  return is_named(target, "notification") ? VERDICT_CONTINUES : VERDICT_REACHES;
}

/* The targets of a rule, or those that stand in the chain itself and apply at
 * its end. */
static enum verdict follow_targets(struct chain_search *search,
                                   const struct config_item *block,
                                   bool *ret_returns) {
  enum verdict verdict = VERDICT_CONTINUES;
  for (size_t i = 0;
       i < block->children_len && !*ret_returns && verdict == VERDICT_CONTINUES;
       i++) {
    if (is_key(&block->children[i], "Target")) {
      verdict = follow_target(search, &block->children[i], ret_returns);
    }
  }
  return verdict;
}

static enum verdict follow_chain(struct chain_search *search,
                                 const struct config_item *chain) {
  enum verdict verdict = VERDICT_CONTINUES;
  bool returns = false;
  if (search->depth++ == DEPTH_MAX) {
    return VERDICT_REACHES;
  }
  for (size_t i = 0;
       i < chain->children_len && !returns && verdict == VERDICT_CONTINUES;
       i++) {
    const struct config_item *rule = &chain->children[i];
    enum answer applies = is_key(rule, "Rule")
                              ? does_rule_apply(rule, search->plugin)
                              : ANSWER_NO;
    if (applies == ANSWER_UNKNOWN) {
      verdict = VERDICT_REACHES;
    } else if (applies == ANSWER_YES) {
      verdict = follow_targets(search, rule, &returns);
    }
  }
  if (verdict == VERDICT_CONTINUES && !returns) {
    verdict = follow_targets(search, chain, &returns);
  }
  search->depth--;
  return verdict;
}

/* "dbpool" for "dbpool-*": the name of the plugin where METRIC shows it. */
static void copy_plugin_name(const char *metric,
                             char name[READING_NAME_BYTES]) {
  struct metric_selector selector;
  name[0] = '\0';
  if (metric_selector_init(&selector, metric, NULL) != 0) {
    return;
  }
  size_t length = strcspn(selector.plugin, "-*?[\\");
  bool is_whole =
      selector.plugin[length] == '-' || selector.plugin[length] == '\0';
  if (is_whole && length < READING_NAME_BYTES) {
    (void)snprintf(name, READING_NAME_BYTES, "%.*s", (int)length,
                   selector.plugin);
  }
  metric_selector_fini(&selector);
}

/* True if none of the rule's metrics gets through. */
static bool is_rule_cut_off(const struct config_files *files,
                            const struct config_item *chain,
                            const struct rule_options *rule) {
  bool is_cut_off = rule->metrics.len > 0;
  for (size_t i = 0; i < rule->metrics.len && is_cut_off; i++) {
    char plugin[READING_NAME_BYTES];
    copy_plugin_name(rule->metrics.items[i], plugin);
    struct chain_search search = {.files = files, .plugin = plugin};
    is_cut_off = follow_chain(&search, chain) == VERDICT_STOPPED;
  }
  return is_cut_off;
}

void filter_chains_check(const struct config_files *files,
                         const struct resource_alert_options *options,
                         struct lint_report *report) {
  const char *const names[] = {
      find_global(files, "PreCacheChain", "PreCache"),
      find_global(files, "PostCacheChain", "PostCache")};
  for (size_t i = 0; i < 2 && options != NULL; i++) {
    const struct config_files_place *chain = find_chain(files, names[i]);
    const struct option_blocks *blocks = &options->rules.thresholds;
    const struct rule_options *rules = blocks->items;
    const struct rule_options *first = NULL;
    size_t cut_off = 0;
    for (size_t k = 0; k < blocks->len && chain != NULL; k++) {
      if (is_rule_cut_off(files, chain->item, &rules[k])) {
        first = first == NULL ? &rules[k] : first;
        cut_off++;
      }
    }
    if (first != NULL) {
      lint_print(report, LINT_WARNING, *chain,
                 "<Chain \"%s\"> keeps all values away from %zu of %zu rules, "
                 "<Threshold \"%s\"> for one: they stop before they reach "
                 "resource_alert; write Plugin \"resource_alert\" into the "
                 "<Target \"write\">",
                 names[i], cut_off, blocks->len, first->head.label);
    }
  }
}

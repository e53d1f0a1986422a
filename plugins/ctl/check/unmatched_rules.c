/* SPDX-License-Identifier: MIT */
/* unmatched_rules: rules that nothing can feed, responses that name no rule. */
#include "ctl/check/unmatched_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/check/daemon_check.h"
#include "ctl/check/metric_catalogue.h"
#include "resource_alert/responses/responses.h"
#include "resource_alert/rules/metric_selector.h"

#define NAME_BYTES 256

/* ---- where a block stands ---- */

/* The NUMBER-th <KEY> of our blocks, in the order in which they are read. */
static struct config_place place_of(const struct config_files *files,
                                    const char *key, size_t number) {
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_statement *statement = &files->statements[i];
    const char *plugin = daemon_name_of(statement->item);
    if (strcasecmp(statement->item->key, "Plugin") != 0 || plugin == NULL ||
        strcasecmp(plugin, "resource_alert") != 0) {
      continue;
    }
    for (size_t j = 0; j < statement->item->children_len; j++) {
      const struct config_item *child = &statement->item->children[j];
      if (strcasecmp(child->key, key) == 0 && number-- == 0) {
        return config_place_of(statement, child);
      }
    }
  }
  return (struct config_place){.path = "?"};
}

/* ---- who may send what ---- */

/* Plugins that bring values of any name into this collectd. */
static bool brings_any_name(const char *plugin) {
  static const char *const names[] = {
      "aggregation", "amqp",   "amqp1", "curl",     "curl_json",
      "curl_xml",    "dbi",    "exec",  "gmond",    "java",
      "lua",         "mqtt",   "perl",  "python",   "postgresql",
      "snmp",        "statsd", "tail",  "tail_csv", "unixsock",
  };
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (strcasecmp(names[i], plugin) == 0) {
      return true;
    }
  }
  return false;
}

/* True if other hosts' values come in: their plugins may be called anything. */
static bool listens(const struct config_files *files) {
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_item *item = files->statements[i].item;
    const char *name = daemon_name_of(item);
    bool is_network = strcasecmp(item->key, "Plugin") == 0 && name != NULL &&
                      strcasecmp(name, "network") == 0;
    for (size_t j = 0; is_network && j < item->children_len; j++) {
      if (strcasecmp(item->children[j].key, "Listen") == 0) {
        return true;
      }
    }
  }
  return false;
}

/* True if PART ("dbpool-*") can be the plugin NAME with some instance. */
static bool can_be_plugin(const char *part, const char *name) {
  char any[NAME_BYTES];
  (void)snprintf(any, sizeof(any), "%s-*", name);
  return emitted_overlap(part, name) || emitted_overlap(part, any);
}

static bool is_ours(const char *name) {
  for (size_t i = 0; i < emitted_len; i++) {
    if (strcmp(emitted[i].plugin, name) == 0) {
      return true;
    }
  }
  return false;
}

/* True if a plugin that is loaded, other than ours, may send it. */
static bool can_be_foreign(const struct config_files *files,
                           const char *plugin) {
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_item *item = files->statements[i].item;
    const char *name = daemon_name_of(item);
    if (strcasecmp(item->key, "LoadPlugin") == 0 && name != NULL &&
        !is_ours(name) &&
        (brings_any_name(name) || can_be_plugin(plugin, name))) {
      return true;
    }
  }
  return false;
}

/* ---- our own values ---- */

/* True if PART can be PLUGIN with one of the blocks' labels as its instance. */
static bool can_be_label(const char *part, const char *plugin,
                         const struct option_blocks *blocks, size_t size) {
  for (size_t i = 0; i < blocks->len; i++) {
    const struct option_head *head =
        (const void *)((const char *)blocks->items + i * size);
    char name[NAME_BYTES];
    char deeper[NAME_BYTES + 8]; /* a pool behind PgBouncer has more to it */
    (void)snprintf(name, sizeof(name), "%s-%s", plugin, head->label);
    (void)snprintf(deeper, sizeof(deeper), "%s-*", name);
    if (emitted_overlap(part, name) || emitted_overlap(part, deeper)) {
      return true;
    }
  }
  return false;
}

static bool can_be_instance(const struct rule_check *check,
                            const struct emitted *family, const char *part) {
  char name[NAME_BYTES];
  if (family->instance != NULL) {
    (void)snprintf(name, sizeof(name), "%s%s%s", family->plugin,
                   family->instance[0] == '\0' ? "" : "-", family->instance);
    return emitted_overlap(part, name);
  }
  if (strcmp(family->plugin, "dbpool") == 0) {
    /* Without any block the plugin waits to be configured, as installed. */
    return check->dbpool == NULL ||
           check->dbpool->pools.len + check->dbpool->bouncers.len == 0 ||
           can_be_label(part, "dbpool", &check->dbpool->pools,
                        sizeof(struct pool_options)) ||
           can_be_label(part, "dbpool", &check->dbpool->bouncers,
                        sizeof(struct bouncer_options));
  }
  return check->session_log == NULL || check->session_log->logs.len == 0 ||
         can_be_label(part, "session_log", &check->session_log->logs,
                      sizeof(struct log_options));
}

/* What is known of a metric: enough for a sentence. */
struct verdict {
  bool can_match;
  const char *plugin; /* of ours, with such a name; NULL: none */
  bool is_loaded;
  bool has_instance;
  const char *types; /* what that plugin sends there */
};

static struct verdict judge(const struct rule_check *check,
                            const struct selector *metric) {
  struct verdict verdict = {
      .can_match = can_be_foreign(check->files, metric->plugin),
  };
  for (size_t i = 0; i < emitted_len && !verdict.can_match; i++) {
    const struct emitted *family = &emitted[i];
    size_t unused = 0;
    if (!can_be_plugin(metric->plugin, family->plugin)) {
      continue;
    }
    verdict.plugin = family->plugin;
    if (!daemon_loads(check->files, family->plugin, &unused)) {
      continue;
    }
    verdict.is_loaded = true;
    if (!can_be_instance(check, family, metric->plugin)) {
      continue;
    }
    verdict.has_instance = true;
    verdict.types = family->types;
    verdict.can_match = emitted_has_type(family, metric->type);
  }
  return verdict;
}

/* ---- findings ---- */

static void say(const struct config_place *place, const char *rule,
                const char *metric, const struct selector *selector,
                const struct verdict *verdict, struct findings *findings) {
  if (verdict->plugin == NULL) {
    findings_warn(findings, place,
                  "<Threshold \"%s\">: Metric \"%s\" can match nothing: no "
                  "plugin is loaded that sends \"%s\"",
                  rule, metric, selector->plugin);
  } else if (!verdict->is_loaded) {
    findings_warn(findings, place,
                  "<Threshold \"%s\">: Metric \"%s\" can match nothing: %s is "
                  "not loaded",
                  rule, metric, verdict->plugin);
  } else if (!verdict->has_instance) {
    findings_warn(findings, place,
                  "<Threshold \"%s\">: Metric \"%s\" can match nothing: %s is "
                  "loaded, and no block of it is called so",
                  rule, metric, verdict->plugin);
  } else {
    findings_warn(findings, place,
                  "<Threshold \"%s\">: Metric \"%s\" can match nothing: there "
                  "%s sends %s",
                  rule, metric, verdict->plugin, verdict->types);
  }
}

static int check_rule(const struct rule_check *check,
                      const struct threshold_options *rule,
                      const struct config_place *place,
                      struct findings *findings) {
  for (size_t i = 0; i < rule->metrics.len; i++) {
    struct selector selector;
    const char *metric = rule->metrics.items[i];
    int code = selector_parse(metric, &selector, NULL);
    if (code == -ENOMEM) {
      return code;
    }
    if (code != 0) {
      continue; /* the table has said so */
    }
    struct verdict verdict = judge(check, &selector);
    if (!verdict.can_match) {
      say(place, rule->head.label, metric, &selector, &verdict, findings);
    }
    selector_fini(&selector);
  }
  return 0;
}

static int check_responses(const struct rule_check *check,
                           struct findings *findings) {
  const struct resource_alert_options *options = check->resource_alert;
  size_t len = 0;
  const char **names = resource_alert_rule_names(options, &len);
  if (names == NULL) {
    return -ENOMEM;
  }
  const struct responses_rules all = {names, len};
  char *items = options->responses.responses.items;
  for (size_t i = 0; i < options->responses.responses.len; i++) {
    struct responses_options one = options->responses;
    one.responses.items = items + i * sizeof(struct response_options);
    one.responses.len = 1;
    struct error error = {{0}};
    if (responses_check(&one, &all, &error) != 0) {
      const struct config_place place = place_of(check->files, "Response", i);
      findings_error(findings, &place, "%s", error.text);
    }
  }
  free(names);
  return 0;
}

int rule_check(const struct rule_check *check, struct findings *findings) {
  if (check->resource_alert == NULL) {
    return 0;
  }
  const struct option_blocks *blocks = &check->resource_alert->thresholds;
  const struct threshold_options *rules = blocks->items;
  bool is_open = listens(check->files);
  int code = check_responses(check, findings);
  for (size_t i = 0; i < blocks->len && code == 0 && !is_open; i++) {
    const struct config_place place = place_of(check->files, "Threshold", i);
    code = check_rule(check, &rules[i], &place, findings);
  }
  return code;
}

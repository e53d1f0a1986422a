/* SPDX-License-Identifier: MIT */
/* unmatched_rules: finds rules whose metrics no configured plugin sends.
 *
 * A rule whose metric nothing sends stays UNKNOWN for ever, which is easily
 * overlooked. The metric's parts are globs and the catalogue has globs, so
 * the question is whether some name matches both. In doubt a rule counts as
 * matched: a false warning would cost more trust than a missing one. */
#include "ctl/check/unmatched_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/glob.h"
#include "core/text.h"
#include "resource_alert/rules/metric_selector.h"

#define NAME_BYTES 256

/* ---- what our plugins send; a system test compares it with the truth ---- */

/* One family of names, as globs. */
struct metric_catalogue_entry {
  const char *plugin;   /* of ours: "dbpool" */
  const char *instance; /* of the plugin, or NULL: the labels of the
                           configuration's blocks */
  const char *types;    /* "TYPE-INSTANCE" and the like, separated by blanks */
};

static const struct metric_catalogue_entry metric_catalogue[] = {
    {"statgrab", "memory", "percent-used memory-*"},
    {"statgrab", "cpu", "percent-* cpu-* count count-* contextswitch irq-*"},
    {"statgrab", "cpu-*", "percent-* cpu-*"},
    {"statgrab", "load", "load load-relative"},
    {"statgrab", "df-*",
     "percent-used percent-free df_complex-* df_inodes-* percent_bytes-* "
     "percent_inodes-*"},
    {"statgrab", "processes", "ps_count ps_state-* fork_rate"},
    {"statgrab", "swap", "percent-* swap-* swap_io-*"},
    {"statgrab", "swap-*", "percent-* swap-* swap_io-*"},
    {"statgrab", "disk-*",
     "disk_octets disk_ops disk_merged disk_time disk_io_time "
     "pending_operations"},
    {"statgrab", "interface-*",
     "if_octets if_packets if_errors if_dropped if_collisions bool-up "
     "gauge-speed"},
    {"statgrab", "vmem", "vmpage_io-* vmpage_faults total_events-oom_kill"},
    {"statgrab", "fhcount", "file_handles-* percent-*"},
    {"statgrab", "pressure-*", "percent-* total_time_in_ms-*"},
    {"statgrab", "cgroup",
     "memory-* percent-used count-cpus total_events-* total_time_in_ms-*"},
    {"statgrab", "cgroup-*",
     "memory-* percent-* total_events-* total_time_in_ms-*"},
    {"statgrab", "", "uptime users"},
    {"dbpool", NULL,
     "percent-used current_connections-active current_connections-checked_out "
     "current_connections-idle current_connections-ready "
     "current_connections-idle_in_transaction current_connections-aborted "
     "current_connections-waiting current_connections-hidden "
     "current_connections-leaked current_connections-recycle_overdue "
     "current_connections-total current_connections-capacity "
     "current_connections-headroom current_connections-headroom_server "
     "current_connections-headroom_database current_connections-headroom_role "
     "current_connections-clients "
     "duration-oldest_transaction duration-oldest_session duration-oldest_wait "
     "duration-query duration-until_exhausted gauge-up gauge-full "
     "gauge-waiting_average total_sessions-abandoned total_sessions-fatal "
     "total_sessions-killed derive-*"},
    {"session_log", NULL,
     "total_sessions-* current_sessions-open current_sessions-leaked "
     "current_sessions-unclosed_after_error log_rate-errors "
     "log_rate-errors_now errors "
     "total_bytes-read files-followed gauge-lag_bytes duration-hung "
     "derive-*"},
    {"resource_alert", "*",
     "alert_state alert_state-* degradation_level replicas replicas-* derive-* "
     "gauge-*"},
    {"resource_alert", "", "derive-* gauge-*"},
};

bool unmatched_rules_has_type(const char *types, const char *type) {
  const char *at = types;
  while (*at != '\0') {
    size_t length = strcspn(at, " ");
    char one[NAME_BYTES];
    (void)snprintf(one, sizeof(one), "%.*s", (int)length, at);
    if (glob_overlaps(one, type)) {
      return true;
    }
    at += length + strspn(at + length, " ");
  }
  return false;
}

/* ---- other plugins ---- */

/* Plugins whose values may have any name. */
static const char *const any_name_plugins[] = {
    "aggregation", "amqp",       "amqp1",    "curl",      "curl_json",
    "curl_xml",    "dbi",        "exec",     "filecount", "gmond",
    "grpc",        "java",       "lua",      "memcachec", "mqtt",
    "perl",        "postgresql", "python",   "snmp",      "statsd",
    "table",       "tail",       "tail_csv", "unixsock",  NULL,
};

/* True if a filter chain has a target that gives values other names. */
static bool renames_values(const struct config_item *item) {
  static const char *const targets[] = {"set", "replace", NULL};
  const char *name = config_files_get_name(item);
  if (strcasecmp(item->key, "Target") == 0 && name != NULL &&
      text_find_word(targets, name) >= 0) {
    return true;
  }
  for (size_t i = 0; i < item->children_len; i++) {
    if (renames_values(&item->children[i])) {
      return true;
    }
  }
  return false;
}

/* True if the network plugin listens, as other hosts' values have any name, or
 * a chain renames values. */
bool unmatched_rules_receives_any_name(const struct config_files *files) {
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_item *item = files->statements[i].item;
    if (config_files_is_plugin(item, "network") &&
        config_item_find(item, "Listen") != NULL) {
      return true;
    }
    if (strcasecmp(item->key, "Chain") == 0 && renames_values(item)) {
      return true;
    }
  }
  return false;
}

/* True if PART ("dbpool-*") can be the plugin NAME with some instance. */
static bool can_match_plugin(const char *part, const char *name) {
  char any[NAME_BYTES + 2];
  (void)snprintf(any, sizeof(any), "%s-*", name);
  return glob_overlaps(part, name) || glob_overlaps(part, any);
}

/* What our plugins send is known exactly, so they are not among those that may
 * send any value. */
static bool is_our_plugin(const char *name) {
  for (size_t i = 0; i < OPTION_COUNT(metric_catalogue); i++) {
    if (strcmp(metric_catalogue[i].plugin, name) == 0) {
      return true;
    }
  }
  return false;
}

/* AutoLoadPlugin loads the plugin of a block; a block that is ignored has a
 * warning of its own. */
static bool is_loaded(const struct config_files *files, const char *plugin) {
  bool has_block = false;
  for (size_t i = 0; i < files->statements_len; i++) {
    has_block |= config_files_is_plugin(files->statements[i].item, plugin);
  }
  return has_block || config_files_find_load_plugin(files, plugin, NULL);
}

/* True if a loaded plugin, other than ours, may send values for PLUGIN. */
static bool can_match_other_plugin(const struct config_files *files,
                                   const char *plugin) {
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_item *item = files->statements[i].item;
    const char *name = config_files_get_name(item);
    bool is_plugin = strcasecmp(item->key, "LoadPlugin") == 0 ||
                     strcasecmp(item->key, "Plugin") == 0; /* AutoLoadPlugin */
    if (is_plugin && name != NULL && !is_our_plugin(name) &&
        (text_find_word(any_name_plugins, name) >= 0 ||
         can_match_plugin(plugin, name))) {
      return true;
    }
  }
  return false;
}

/* ---- our plugins ---- */

/* True if PART can be PLUGIN with one of the blocks' labels as its instance. */
static bool can_match_label(const char *part, const char *plugin,
                            const struct option_blocks *blocks, size_t size) {
  for (size_t i = 0; i < blocks->len; i++) {
    const struct option_head *head =
        (const void *)((const char *)blocks->items + i * size);
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s-%s", plugin, head->label);
    if (can_match_plugin(part, name)) { /* PgBouncer's pools append a name */
      return true;
    }
  }
  return false;
}

/* True if PART can be the plugin of ENTRY with an instance that is configured.
 * A block with mistakes may have any label. */
static bool can_match_instance(const struct unmatched_rules_input *input,
                               const struct metric_catalogue_entry *entry,
                               const char *part) {
  char name[NAME_BYTES];
  if (entry->instance != NULL) {
    (void)snprintf(name, sizeof(name), "%s%s%s", entry->plugin,
                   entry->instance[0] == '\0' ? "" : "-", entry->instance);
    return glob_overlaps(part, name);
  }
  if (strcmp(entry->plugin, "dbpool") == 0) {
    /* As installed, the plugin has no block yet: any label may follow. */
    return input->dbpool == NULL ||
           input->dbpool->pools.len + input->dbpool->pgbouncers.len == 0 ||
           can_match_label(part, "dbpool", &input->dbpool->pools,
                           sizeof(struct dbpool_pool_options)) ||
           can_match_label(part, "dbpool", &input->dbpool->pgbouncers,
                           sizeof(struct dbpool_pgbouncer_options));
  }
  return input->session_log == NULL || input->session_log->logs.len == 0 ||
         can_match_label(part, "session_log", &input->session_log->logs,
                         sizeof(struct log_options));
}

/* How far a metric matches what the configured plugins send. */
struct metric_match {
  bool can_match;
  const char *plugin; /* of ours, with such a name; NULL: none */
  bool is_loaded;
  bool has_instance;
  const char *types; /* what that plugin sends there */
};

/* Tries every entry and keeps how far the best one came, for the explanation.
 * */
static struct metric_match
match_metric(const struct unmatched_rules_input *input,
             const struct metric_selector *metric) {
  struct metric_match match = {
      .can_match = can_match_other_plugin(input->files, metric->plugin),
  };
  for (size_t i = 0; i < OPTION_COUNT(metric_catalogue) && !match.can_match;
       i++) {
    const struct metric_catalogue_entry *entry = &metric_catalogue[i];
    if (!can_match_plugin(metric->plugin, entry->plugin)) {
      continue;
    }
    match.plugin = entry->plugin;
    if (!is_loaded(input->files, entry->plugin)) {
      continue;
    }
    match.is_loaded = true;
    if (!can_match_instance(input, entry, metric->plugin)) {
      continue;
    }
    match.has_instance = true;
    match.types = entry->types;
    match.can_match = unmatched_rules_has_type(entry->types, metric->type);
  }
  return match;
}

bool unmatched_rules_has_plugin(const struct unmatched_rules_input *input,
                                const char *plugin) {
  char instances[NAME_BYTES];
  (void)snprintf(instances, sizeof(instances), "%s-*", plugin);
  const struct metric_selector alone = {.plugin = plugin, .type = "*"};
  const struct metric_selector some = {.plugin = instances, .type = "*"};
  return match_metric(input, &alone).can_match ||
         match_metric(input, &some).can_match;
}

/* ---- what was probably meant ---- */

/* The nearest name so far, which is made anew for each offer. */
struct metric_suggestion {
  struct text_nearest nearest;
  char text[3 * NAME_BYTES];
};

/* Offers INSTANCE of the entry's plugin with each of its types. */
static void offer_instance(struct metric_suggestion *suggestion,
                           const struct metric_catalogue_entry *entry,
                           const char *instance) {
  for (const char *at = entry->types; *at != '\0';) {
    size_t length = strcspn(at, " ");
    char name[3 * NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s%s%s/%.*s", entry->plugin,
                   instance[0] == '\0' ? "" : "-", instance, (int)length, at);
    if (memchr(at, '*', length) == NULL) { /* that is no name to write */
      text_nearest_offer(&suggestion->nearest, name);
    }
    if (suggestion->nearest.name == name) {
      (void)snprintf(suggestion->text, sizeof(suggestion->text), "%s", name);
      suggestion->nearest.name = suggestion->text;
    }
    at += length + strspn(at + length, " ");
  }
}

static void offer_labels(struct metric_suggestion *suggestion,
                         const struct metric_catalogue_entry *entry,
                         const struct option_blocks *blocks, size_t size) {
  for (size_t i = 0; i < blocks->len; i++) {
    const struct option_head *head =
        (const void *)((const char *)blocks->items + i * size);
    offer_instance(suggestion, entry, head->label);
  }
}

/* Looks for the name that is nearest to the selector's among those that the
 * loaded plugins of ours send. Returns "" if none is near. */
static const char *suggest_metric(const struct unmatched_rules_input *input,
                                  const struct metric_selector *selector,
                                  struct metric_suggestion *suggestion) {
  char wanted[3 * NAME_BYTES];
  (void)snprintf(wanted, sizeof(wanted), "%s/%s", selector->plugin,
                 selector->type);
  *suggestion = (struct metric_suggestion){text_nearest_begin(wanted), ""};
  for (size_t i = 0; i < OPTION_COUNT(metric_catalogue); i++) {
    const struct metric_catalogue_entry *entry = &metric_catalogue[i];
    if (!is_loaded(input->files, entry->plugin)) {
      continue;
    }
    offer_instance(suggestion, entry,
                   entry->instance == NULL ? "*" : entry->instance);
    if (strcmp(entry->plugin, "dbpool") == 0 && input->dbpool != NULL) {
      offer_labels(suggestion, entry, &input->dbpool->pools,
                   sizeof(struct dbpool_pool_options));
      offer_labels(suggestion, entry, &input->dbpool->pgbouncers,
                   sizeof(struct dbpool_pgbouncer_options));
    } else if (entry->instance == NULL && input->session_log != NULL) {
      offer_labels(suggestion, entry, &input->session_log->logs,
                   sizeof(struct log_options));
    }
  }
  suggestion->nearest.wanted = NULL; /* it is not valid behind this */
  return suggestion->text;
}

/* ---- reports ---- */

/* Explains why METRIC can match nothing. */
static void report_unmatched(struct config_files_place place, const char *rule,
                             const char *suggestion, const char *metric,
                             const struct metric_selector *selector,
                             const struct metric_match *match,
                             struct lint_report *report) {
  char reason[1024];
  if (match->plugin == NULL) {
    (void)snprintf(reason, sizeof(reason),
                   "no loaded plugin sends values of \"%s\"", selector->plugin);
  } else if (!match->is_loaded) {
    (void)snprintf(reason, sizeof(reason), "%s is not loaded", match->plugin);
  } else if (!match->has_instance) {
    (void)snprintf(reason, sizeof(reason),
                   "%s is loaded, but has no block of this name",
                   match->plugin);
  } else {
    (void)snprintf(reason, sizeof(reason), "for this instance %s sends %s",
                   match->plugin, match->types);
  }
  lint_print(report, LINT_WARNING, place,
             "<Threshold \"%s\">: Metric \"%s\" matches no series: %s%s%s%s",
             rule, metric, suggestion[0] == '\0' ? reason : "did you mean \"",
             suggestion, suggestion[0] == '\0' ? "" : "\"? ",
             suggestion[0] == '\0' ? "" : reason);
}

/* One report for each metric of the rule, at the place of the rule. */
static int check_rule_metrics(const struct unmatched_rules_input *input,
                              const struct rule_options *rule,
                              struct config_files_place place,
                              struct lint_report *report) {
  for (size_t i = 0; i < rule->metrics.len; i++) {
    struct metric_selector selector;
    const char *metric = rule->metrics.items[i];
    int code = metric_selector_init(&selector, metric, NULL);
    if (code == -ENOMEM) {
      return code;
    }
    if (code != 0) {
      continue; /* reported with the mistakes of the block */
    }
    struct metric_match match = match_metric(input, &selector);
    if (!match.can_match) {
      struct metric_suggestion suggestion;
      report_unmatched(place, rule->head.label,
                       suggest_metric(input, &selector, &suggestion), metric,
                       &selector, &match, report);
    }
    metric_selector_fini(&selector);
  }
  return 0;
}

int unmatched_rules_check(const struct unmatched_rules_input *input,
                          struct lint_report *report) {
  const struct option_blocks *blocks = &input->resource_alert->rules.thresholds;
  const struct rule_options *rules = blocks->items;
  int code = 0;
  for (size_t i = 0; i < blocks->len && code == 0; i++) {
    code = check_rule_metrics(
        input, &rules[i],
        config_files_find_block(input->files, "resource_alert", "Threshold", i),
        report);
  }
  return code;
}

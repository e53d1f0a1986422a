/* SPDX-License-Identifier: MIT */
/* unmatched_rules: finds rules whose metrics no configured plugin sends, and
 * responses that name no rule.
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
#include "resource_alert/responses/responses.h"
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
     "total_bytes-read files-followed gauge-lag_bytes derive-*"},
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
static bool receives_any_name(const struct config_files *files) {
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

/* ---- reports ---- */

/* Finds the NUMBER-th <KEY> of our blocks, in the order of reading. */
static struct config_files_place
find_block_place(const struct config_files *files, const char *key,
                 size_t number) {
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_files_place *statement = &files->statements[i];
    if (!config_files_is_plugin(statement->item, "resource_alert")) {
      continue;
    }
    for (size_t j = 0; j < statement->item->children_len; j++) {
      const struct config_item *child = &statement->item->children[j];
      if (strcasecmp(child->key, key) == 0 && number-- == 0) {
        return (struct config_files_place){statement->path, child};
      }
    }
  }
  return files->statements[0]; /* cannot happen: it was parsed from them */
}

/* Explains why METRIC can match nothing. */
static void report_unmatched(struct config_files_place place, const char *rule,
                             const char *metric,
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
             "<Threshold \"%s\">: Metric \"%s\" matches no series: %s", rule,
             metric, reason);
}

/* Warns of limits of WARNING that are reached only behind those of FAILURE. */
static void check_limit_order(const struct rule_options *rule,
                              struct config_files_place place,
                              struct lint_report *report) {
  const struct {
    const char *warning, *failure;
    double warning_at, failure_at;
    bool is_hidden;
  } pairs[] = {
      {"WarningMax", "FailureMax", rule->limits.warning_max,
       rule->limits.failure_max,
       rule->limits.warning_max > rule->limits.failure_max},
      {"WarningMin", "FailureMin", rule->limits.warning_min,
       rule->limits.failure_min,
       rule->limits.warning_min < rule->limits.failure_min},
  };
  for (size_t i = 0; i < 2 && !rule->limits.is_inverted; i++) {
    if (pairs[i].is_hidden) {
      lint_print(report, LINT_WARNING, place,
                 "<Threshold \"%s\">: WARNING is never reached: %s %.10g comes "
                 "before %s %.10g",
                 rule->head.label, pairs[i].failure, pairs[i].failure_at,
                 pairs[i].warning, pairs[i].warning_at);
    }
  }
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
      report_unmatched(place, rule->head.label, metric, &selector, &match,
                       report);
    }
    metric_selector_fini(&selector);
  }
  return 0;
}

struct response_place {
  struct lint_report *report;
  struct config_files_place place;
};

/* For log_sink; context: struct response_place. */
static void print_broken_action(void *context, enum log_level level,
                                const char *line) {
  const struct response_place *to = context;
  (void)level;
  lint_print(to->report, LINT_WARNING, to->place, "%s", line);
}

/* What the server of a pool has room for is not configured; what its
 * applications may open is. */
static void check_action_pool(const struct dbpool_options *dbpool,
                              const struct action_options *action,
                              const struct response_place *to) {
  const struct dbpool_pool_options *pools = dbpool->pools.items;
  size_t i = 0;
  while (i < dbpool->pools.len &&
         strcmp(pools[i].head.label, action->pool) != 0) {
    i++;
  }
  if (i == dbpool->pools.len) {
    lint_print(to->report, LINT_WARNING, to->place,
               "Pool \"%s\": dbpool has no <Pool \"%s\"> here; without its "
               "values no replica is added",
               action->pool, action->pool);
  } else if (pools[i].max_overflow >= 0 &&
             action->connections < pools[i].size + pools[i].max_overflow) {
    lint_print(to->report, LINT_WARNING, to->place,
               "ConnectionsPerReplica %" PRId64
               " is less than what one process may open by <Pool \"%s\">: "
               "PoolSize %" PRId64 " and MaxOverflow %" PRId64,
               action->connections, action->pool, pools[i].size,
               pools[i].max_overflow);
  }
}

static void check_action_pools(const struct dbpool_options *dbpool,
                               const struct response_options *response,
                               const struct response_place *to) {
  for (size_t i = 0; i < response->actions[ACTION_SCALE].len; i++) {
    const struct action_options *action =
        response_options_action_at(response, ACTION_SCALE, i);
    if (action->pool != NULL) {
      check_action_pool(dbpool, action, to);
    }
  }
}

/* responses_check() stops at the first mistake, so each response is checked as
 * if it were the only one. */
static int check_response_rules(const struct unmatched_rules_input *input,
                                struct lint_report *report) {
  const struct resource_alert_options *options = input->resource_alert;
  size_t len = 0;
  const char **names = resource_alert_list_rule_names(options, &len);
  if (names == NULL) {
    return -ENOMEM;
  }
  const struct response_rule_names all = {names, len};
  char *items = options->responses.responses.items;
  for (size_t i = 0; i < options->responses.responses.len; i++) {
    struct responses_options one = options->responses;
    one.responses.items = items + i * sizeof(struct response_options);
    one.responses.len = 1;
    struct error error = {{0}};
    struct response_place to = {report,
                                find_block_place(input->files, "Response", i)};
    const struct log_sink log = {print_broken_action, &to};
    if (responses_check(&one, &all, &log, &error) != 0) {
      lint_print(report, LINT_ERROR, to.place, "%s", error.text);
    } else if (input->dbpool != NULL) {
      check_action_pools(input->dbpool, one.responses.items, &to);
    }
  }
  free(names);
  return 0;
}

int unmatched_rules_check(const struct unmatched_rules_input *input,
                          struct lint_report *report) {
  if (input->resource_alert == NULL) {
    return 0;
  }
  const struct option_blocks *blocks = &input->resource_alert->rules.thresholds;
  const struct rule_options *rules = blocks->items;
  bool is_open = receives_any_name(input->files);
  int code = check_response_rules(input, report);
  for (size_t i = 0; i < blocks->len; i++) {
    check_limit_order(&rules[i], find_block_place(input->files, "Threshold", i),
                      report);
  }
  for (size_t i = 0; i < blocks->len && code == 0 && !is_open; i++) {
    code = check_rule_metrics(input, &rules[i],
                              find_block_place(input->files, "Threshold", i),
                              report);
  }
  return code;
}

/* SPDX-License-Identifier: MIT */
/* notification_rule: a <Notification> rule: what other plugins say is bad. */
#include "resource_alert/rules/notification_rule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/glob.h"
#include "resource_alert/rules/rule_options.h"

#define DAY_S 86400

static const char *const severity_words[] = {
    [NOTIFICATION_FAILURE] = "failure",
    [NOTIFICATION_WARNING] = "warning",
};

static int check_severity(const char *value, struct error *error) {
  bool is_known = strcmp(value, severity_words[NOTIFICATION_WARNING]) == 0 ||
                  strcmp(value, severity_words[NOTIFICATION_FAILURE]) == 0;
  return is_known
             ? 0
             : error_set(error, -EINVAL, "is not \"warning\" or \"failure\"");
}

#define GLOB(option_name, field, sample, text)                                 \
  {                                                                            \
    .name = option_name, .kind = OPTION_STRING,                                \
    .offset = offsetof(struct notification_rule_options, field),               \
    .default_text = "*", .example = sample, .check = glob_check, .help = text  \
  }

static const struct option options[] = {
    GLOB("Plugin", plugin, "\"threshold\"",
         "The plugin that speaks, a glob as in B<Metric>; likewise below."),
    GLOB("PluginInstance", plugin_instance, "\"trading\"", "Its instance."),
    GLOB("Host", host, "\"web*\"", "The host that it speaks of."),
    GLOB("Type", type, "\"percent\"", "The type, often empty."),
    GLOB("TypeInstance", type_instance, "\"used\"", "Its instance."),
    GLOB("Message", message, "\"*leak*\"", "What it says."),
    {.name = "Severity",
     .kind = OPTION_STRINGS,
     .offset = offsetof(struct notification_rule_options, severities),
     .example = "\"failure\"",
     .check = check_severity,
     .help = "C<warning>, C<failure> or both: what puts the rule into that "
             "state. Where it is not written both do. Any other notification "
             "of the same names puts it back to OKAY, whatever its message."},
    {.name = "TTL",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct notification_rule_options, ttl_s),
     .min = 1,
     .max = DAY_S,
     .unit = "seconds",
     .default_text = "3600",
     .help = "How long one notification counts, if no other one says that it "
             "is over: many plugins never do. Each further one counts anew."},
};

const struct option_block notification_rule_block = {
    .name = "Notification",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct notification_rule_options),
    .help = "A rule that is fed by notifications: of collectd's other plugins, "
            "or of other hosts by C<network>; never by this plugin's own. It "
            "has a state for each host, plugin and type that notifications "
            "speak of, in the journal, in the status and for the B<When> of a "
            "response; it sends none itself, since whoever is to hear of it "
            "has heard it.",
    .options = options,
    .options_len = OPTION_COUNT(options),
    .check_label = threshold_check_name,
};

static bool speaks_of(const struct notification_rule_options *rule,
                      const struct notification *notification) {
  return glob_matches(rule->plugin, notification->plugin) &&
         glob_matches(rule->plugin_instance, notification->plugin_instance) &&
         glob_matches(rule->host, notification->host) &&
         glob_matches(rule->type, notification->type) &&
         glob_matches(rule->type_instance, notification->type_instance);
}

static bool is_bad(const struct notification_rule_options *rule,
                   enum notification_severity severity) {
  if (severity == NOTIFICATION_OKAY) {
    return false;
  }
  bool is_named = rule->severities.len == 0;
  for (size_t i = 0; i < rule->severities.len; i++) {
    is_named = is_named ||
               strcmp(rule->severities.items[i], severity_words[severity]) == 0;
  }
  return is_named;
}

enum notification_rule_word
notification_rule_word(const struct notification_rule_options *rule,
                       const struct notification *notification) {
  if (!speaks_of(rule, notification)) {
    return NOTIFICATION_RULE_NOTHING;
  }
  if (!is_bad(rule, notification->severity)) {
    return NOTIFICATION_RULE_OKAY;
  }
  if (!glob_matches(rule->message, notification->message)) {
    return NOTIFICATION_RULE_NOTHING;
  }
  return notification->severity == NOTIFICATION_FAILURE
             ? NOTIFICATION_RULE_FAILURE
             : NOTIFICATION_RULE_WARNING;
}

static void put(char *place, const char *text) {
  (void)snprintf(place, READING_NAME_BYTES, "%s", text);
}

void notification_rule_names(const struct notification *notification,
                             struct reading_names *ret_names) {
  *ret_names = (struct reading_names){.host = ""};
  put(ret_names->host, notification->host);
  put(ret_names->plugin, notification->plugin);
  put(ret_names->plugin_instance, notification->plugin_instance);
  put(ret_names->type, notification->type);
  put(ret_names->type_instance, notification->type_instance);
}

/* SPDX-License-Identifier: MIT */
/* notification_rule: a <Notification> rule: fed by notifications of other
 * plugins instead of values. */
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

static int check_severity_word(const char *value, struct error *error) {
  bool is_known = strcmp(value, severity_words[NOTIFICATION_WARNING]) == 0 ||
                  strcmp(value, severity_words[NOTIFICATION_FAILURE]) == 0;
  return is_known
             ? 0
             : error_set(error, -EINVAL, "is not \"warning\" or \"failure\"");
}

#define GLOB(option_name, field, sample, text)                                 \
  {                                                                            \
    OPTION(option_name, STRING, struct notification_rule_options, field),      \
        .default_text = "*", .example = sample, .check = glob_check,           \
        .help = text                                                           \
  }

static const struct option notification_option_rows[] = {
    GLOB("Plugin", plugin, "\"threshold\"",
         "The notification's plugin. This and the following options may "
         "contain wildcards, as in B<Metric>."),
    GLOB("PluginInstance", plugin_instance, "\"trading\"",
         "The plugin instance of the notification."),
    GLOB("Host", host, "\"web*\"", "The host of the notification."),
    GLOB("Type", type, "\"percent\"", "The type; often empty."),
    GLOB("TypeInstance", type_instance, "\"used\"",
         "The type instance of the notification."),
    GLOB("Message", message, "\"*leak*\"", "The notification's text."),
    {OPTION("Severity", STRINGS, struct notification_rule_options, severities),
     .example = "\"failure\"", .check = check_severity_word,
     .help = "The severities that set the alert to WARNING or FAILURE: "
             "C<warning>, C<failure> or both. By default both. A notification "
             "of another severity with the same names sets the alert to "
             "OKAY; its message does not matter."},
    {OPTION("TTL", NUMBER, struct notification_rule_options, ttl_s), .min = 1,
     .max = DAY_S, .unit = "seconds", .default_text = "3600",
     .help = "Time after which the alert returns to OKAY if no notification of "
             "the recovery arrives. Each repeated notification restarts the "
             "time."},
};

const struct option_block notification_rule_block = {
    .name = "Notification",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct notification_rule_options),
    .help = "A rule on notifications of collectd's other plugins, or of other "
            "hosts through C<network>. Notifications of this plugin are "
            "ignored. The rule has one alert for each host, plugin and type in "
            "these notifications. A response can name the rule in its B<When>. "
            "The rule sends no notifications itself, because the original "
            "notification has already been sent.",
    OPTION_ROWS(notification_option_rows),
    .check_label = rule_options_check_label,
};

static bool matches_notification(const struct notification_rule_options *rule,
                                 const struct notification *notification) {
  return glob_matches(rule->plugin, notification->plugin) &&
         glob_matches(rule->plugin_instance, notification->plugin_instance) &&
         glob_matches(rule->host, notification->host) &&
         glob_matches(rule->type, notification->type) &&
         glob_matches(rule->type_instance, notification->type_instance);
}

/* Without Severity both warning and failure are bad. */
static bool is_bad_severity(const struct notification_rule_options *rule,
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

enum notification_rule_match
notification_rule_match(const struct notification_rule_options *rule,
                        const struct notification *notification) {
  if (!matches_notification(rule, notification)) {
    return NOTIFICATION_RULE_NONE;
  }
  if (!is_bad_severity(rule, notification->severity)) {
    return NOTIFICATION_RULE_OKAY;
  }
  if (!glob_matches(rule->message, notification->message)) {
    return NOTIFICATION_RULE_NONE;
  }
  return notification->severity == NOTIFICATION_FAILURE
             ? NOTIFICATION_RULE_FAILURE
             : NOTIFICATION_RULE_WARNING;
}

static void copy_cut_name(char *place, const char *text) {
  (void)snprintf(place, READING_NAME_BYTES, "%s", text);
}

void notification_rule_fill_names(const struct notification *notification,
                                  struct reading_names *ret_names) {
  *ret_names = (struct reading_names){.host = ""};
  copy_cut_name(ret_names->host, notification->host);
  copy_cut_name(ret_names->plugin, notification->plugin);
  copy_cut_name(ret_names->plugin_instance, notification->plugin_instance);
  copy_cut_name(ret_names->type, notification->type);
  copy_cut_name(ret_names->type_instance, notification->type_instance);
}

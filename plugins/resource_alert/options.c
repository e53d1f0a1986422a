/* SPDX-License-Identifier: MIT */
/* options: the options of a <Plugin resource_alert> block. */
#include "resource_alert/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
    {OPTION("StateDir", STRING, struct resource_alert_options, state_dir),
     .example = "\"/var/lib/collectd/resource_alert\"",
     .check = option_check_absolute_path,
     .help = "Directory in which alert states, silences and desired states are "
             "kept over a restart. It is created if it does not exist. Without "
             "this option they are lost at a restart. Its file F<identity> "
             "holds a random number, made once, that marks the switches and "
             "the suspended jobs of this daemon, also after the host or the "
             "container is renamed; do not copy it to another machine. Only "
             "one collectd can use the directory: a second one logs which one "
             "holds it, acts with the mode C<off>, and saves nothing until it "
             "is restarted."},
    {OPTION("Journal", STRING, struct resource_alert_options, journal),
     .example = "\"/var/log/collectd/resource_alert.jsonl\"",
     .check = option_check_absolute_path,
     .help = "File to which each alert event, each decision and each attempt "
             "of an action is appended, one JSON object a line. The file may "
             "be rotated: the plugin opens the new file by itself. Without "
             "this option no journal is written."},
    {OPTION("MaxSeries", INTEGER, struct resource_alert_options, max_series),
     .min = 1, .max = 10000000, .unit = "series", .default_text = "250000",
     .help = "Maximum number of series at the same time, including those that "
             "no rule watches. A quarter is kept for this host; another host "
             "gets at most about a quarter. When seven eighths are used, a "
             "series that has stopped is removed once it was silent for longer "
             "than it was seen. Values of further series are ignored; they are "
             "counted, and the limit is logged hourly."},
    {OPTION("ForgetAfter", NUMBER, struct resource_alert_options, forget_s),
     .min = 60, .max = 365.0 * 86400, .unit = "seconds",
     .default_text = "86400",
     .help = "A series without a value for this long is removed, together with "
             "its alerts."},
    {OPTION("PublishSeries", BOOLEAN, struct resource_alert_options,
            publishes_series),
     .default_text = "true",
     .help = "Publish the state of each alert, "
             "C<resource_alert-RULE/alert_state-SERIES>, in addition to the "
             "worst state of each rule, C<resource_alert-RULE/alert_state>. "
             "Set it to false if rules watch thousands of series."},
    {OPTION("Threshold", BLOCK, struct resource_alert_options,
            rules.thresholds),
     .block = &rule_options_block},
    {OPTION("Override", BLOCK, struct resource_alert_options, rules.thresholds),
     .block = &rule_options_override_block},
    {OPTION("Notification", BLOCK, struct resource_alert_options,
            rules.notifications),
     .block = &notification_rule_block},
    THRESHOLD_COMPAT_OPTIONS(resource_alert_options, rules.stock),
    RESPONSES_OPTION_ROWS(resource_alert_options, responses),
    STATUS_OPTION_ROWS(resource_alert_options, status),
};

/* A When, the journal and the state file identify a rule by its name alone. */
static int check_rule_names(const void *target, struct error *error) {
  const struct resource_alert_options *all = target;
  const struct rule_options *thresholds = all->rules.thresholds.items;
  const struct notification_rule_options *notifications =
      all->rules.notifications.items;
  for (size_t i = 0; i < all->rules.notifications.len; i++) {
    for (size_t j = 0; j < all->rules.thresholds.len; j++) {
      if (strcmp(notifications[i].head.label, thresholds[j].head.label) == 0) {
        return error_set(error, -EINVAL,
                         "a <Threshold> and a <Notification> are both called "
                         "\"%s\"; give one of them another name",
                         thresholds[j].head.label);
      }
    }
  }
  return 0;
}

const char **
resource_alert_list_rule_names(const struct resource_alert_options *all,
                               size_t *ret_len) {
  const struct rule_options *thresholds = all->rules.thresholds.items;
  const struct notification_rule_options *notifications =
      all->rules.notifications.items;
  size_t len = all->rules.thresholds.len + all->rules.notifications.len;
  const char **names = calloc(len + 1, sizeof(*names));
  if (names == NULL) {
    return NULL;
  }
  size_t at = 0;
  for (size_t i = 0; i < all->rules.thresholds.len; i++) {
    names[at++] = thresholds[i].head.label;
  }
  for (size_t i = 0; i < all->rules.notifications.len; i++) {
    names[at++] = notifications[i].head.label;
  }
  *ret_len = len;
  return names;
}

const struct option_block resource_alert_options = {
    .name = "resource_alert",
    .size = sizeof(struct resource_alert_options),
    .help = "Rules, their thresholds, and the responses to them.",
    OPTION_ROWS(options),
    .check = check_rule_names,
};

/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin resource_alert> block may hold. */
#include "resource_alert/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int check_absolute(const char *value, struct error *error) {
  return value[0] == '/' ? 0
                         : error_set(error, -EINVAL, "is not an absolute path");
}

static const struct option options[] = {
    {.name = "StateDir",
     .kind = OPTION_STRING,
     .offset = offsetof(struct resource_alert_options, state_dir),
     .example = "\"/var/lib/collectd/resource_alert\"",
     .check = check_absolute,
     .help = "The directory, made if it is not there, in which alert states "
             "and desired states are kept over a restart. Without it a restart "
             "starts from nothing."},
    {.name = "Journal",
     .kind = OPTION_STRING,
     .offset = offsetof(struct resource_alert_options, journal),
     .example = "\"/var/log/collectd/resource_alert.jsonl\"",
     .check = check_absolute,
     .help = "The file to which each change of state, each decision and each "
             "act is appended, one JSON object a line. It is opened again when "
             "it was rotated. Without it no journal is written."},
    {.name = "MaxSeries",
     .kind = OPTION_INTEGER,
     .offset = offsetof(struct resource_alert_options, max_series),
     .min = 1,
     .max = 10000000,
     .unit = "series",
     .default_text = "250000",
     .help = "How many series are known at the same time, watched or not. "
             "What comes on top is not looked at, counted and said once."},
    {.name = "ForgetAfter",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct resource_alert_options, forget_s),
     .min = 60,
     .max = 365.0 * 86400,
     .unit = "seconds",
     .default_text = "86400",
     .help = "A series without a value for so long is gone for good: its "
             "states are forgotten."},
    {.name = "PublishSeries",
     .kind = OPTION_BOOLEAN,
     .offset = offsetof(struct resource_alert_options, publishes_series),
     .default_text = "true",
     .help = "Besides C<resource_alert-ROW/alert_state>, the worst state of a "
             "rule, C<resource_alert-ROW/alert_state-SERIES> is dispatched for "
             "each of its series. Worth switching off where rules watch "
             "thousands."},
    {.name = "Threshold",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct resource_alert_options, thresholds),
     .block = &rule_options_block},
    {.name = "Notification",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct resource_alert_options, notifications),
     .block = &notification_rule_block},
    THRESHOLD_COMPAT_OPTIONS(resource_alert_options, stock),
    RESPONSES_OPTION_ROWS(resource_alert_options, responses),
    STATUS_OPTION_ROWS(resource_alert_options, status),
};

/* A When, the journal and the state file know a rule by its name alone. */
static int check_names(const void *target, struct error *error) {
  const struct resource_alert_options *all = target;
  const struct rule_options *thresholds = all->thresholds.items;
  const struct notification_rule_options *notifications =
      all->notifications.items;
  for (size_t i = 0; i < all->notifications.len; i++) {
    for (size_t j = 0; j < all->thresholds.len; j++) {
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

struct rules_source
resource_alert_rules_source(const struct resource_alert_options *all) {
  return (struct rules_source){.thresholds = &all->thresholds,
                               .notifications = &all->notifications,
                               .stock = &all->stock};
}

const char **resource_alert_rule_names(const struct resource_alert_options *all,
                                       size_t *ret_len) {
  const struct rule_options *thresholds = all->thresholds.items;
  const struct notification_rule_options *notifications =
      all->notifications.items;
  size_t len = all->thresholds.len + all->notifications.len;
  const char **names = calloc(len + 1, sizeof(*names));
  if (names == NULL) {
    return NULL;
  }
  size_t at = 0;
  for (size_t i = 0; i < all->thresholds.len; i++) {
    names[at++] = thresholds[i].head.label;
  }
  for (size_t i = 0; i < all->notifications.len; i++) {
    names[at++] = notifications[i].head.label;
  }
  *ret_len = len;
  return names;
}

const struct option_block resource_alert_options = {
    .name = "resource_alert",
    .size = sizeof(struct resource_alert_options),
    .help = "The table of thresholds and the responses to it.",
    .options = options,
    .options_len = OPTION_COUNT(options),
    .check = check_names,
};

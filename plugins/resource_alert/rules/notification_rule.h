/* SPDX-License-Identifier: MIT */
/* notification_rule: a <Notification> rule: fed by notifications of other
 * plugins instead of values. */
#pragma once

#include "core/metric.h"
#include "core/notification.h"
#include "core/option.h"

/* Globs; "*" where the option is not set. */
struct notification_rule_options {
  struct option_head head;
  char *host;
  char *plugin;
  char *plugin_instance;
  char *type;
  char *type_instance;
  char *message;
  struct option_strings severities; /* none: warning and failure */
  double ttl_s;
};

extern const struct option_block notification_rule_block;

/* What a notification means to a rule. */
enum notification_rule_match {
  NOTIFICATION_RULE_NONE, /* it is not for this rule */
  NOTIFICATION_RULE_OKAY, /* the problem is over */
  NOTIFICATION_RULE_WARNING,
  NOTIFICATION_RULE_FAILURE,
};

enum notification_rule_match
notification_rule_match(const struct notification_rule_options *rule,
                        const struct notification *notification);

/* The series of a notification: its names, cut where they are too
 * long. */
void notification_rule_fill_names(const struct notification *notification,
                                  struct reading_names *ret_names);

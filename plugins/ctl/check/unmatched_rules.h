/* SPDX-License-Identifier: MIT */
/* unmatched_rules: rules that nothing can feed, responses that name no rule. */
#ifndef CTL_CHECK_UNMATCHED_RULES_H
#define CTL_CHECK_UNMATCHED_RULES_H

#include "ctl/check/config_files.h"
#include "ctl/check/diagnostics.h"
#include "dbpool/options.h"
#include "resource_alert/options.h"
#include "session_log/options.h"

/* The parsed options of the plugins that are configured; NULL for one whose
 * configuration has mistakes. */
struct rule_check {
  const struct config_files *files;
  const struct dbpool_options *dbpool;
  const struct session_log_options *session_log;
  const struct resource_alert_options *resource_alert;
};

/* Does nothing where resource_alert is NULL. Returns 0 or -ENOMEM. */
int rule_check(const struct rule_check *check, struct findings *findings);

#endif

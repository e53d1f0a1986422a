/* SPDX-License-Identifier: MIT */
/* unmatched_rules: finds rules whose metrics no configured plugin sends, and
 * responses that name no rule. */
#pragma once

#include "ctl/check/config_files.h"
#include "ctl/check/lint.h"
#include "dbpool/options.h"
#include "resource_alert/options.h"
#include "session_log/options.h"

/* The configuration, and the parsed options of each plugin; NULL for one whose
 * blocks have mistakes. */
struct unmatched_rules_input {
  const struct config_files *files;
  const struct dbpool_options *dbpool;
  const struct session_log_options *session_log;
  const struct resource_alert_options *resource_alert;
};

/* Reports what it finds; nothing where resource_alert is NULL.
 * Returns 0 or -ENOMEM. */
int unmatched_rules_check(const struct unmatched_rules_input *input,
                          struct lint_report *report);

/* True if TYPE, the type part of a metric, can be one of TYPES, separated by
 * blanks; all are globs. */
bool unmatched_rules_has_type(const char *types, const char *type);

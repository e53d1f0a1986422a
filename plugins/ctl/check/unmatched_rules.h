/* SPDX-License-Identifier: MIT */
/* unmatched_rules: finds rules whose metrics no configured plugin sends, and
 * responses that name no rule. */
#pragma once

#include "ctl/check/config_files.h"
#include "ctl/check/lint.h"
#include "ctl/check/types_db.h"
#include "dbpool/options.h"
#include "resource_alert/options.h"
#include "session_log/options.h"

/* The configuration, and the parsed options of each plugin; NULL for one whose
 * blocks have mistakes. */
struct unmatched_rules_input {
  const struct config_files *files;
  const struct types_db *types;
  const struct dbpool_options *dbpool;
  const struct session_log_options *session_log;
  const struct resource_alert_options *resource_alert;
};

/* Reports what it finds. resource_alert: not NULL; without values of any name
 * that come from elsewhere. Returns 0 or -ENOMEM. */
int unmatched_rules_check(const struct unmatched_rules_input *input,
                          struct lint_report *report);

/* True if the network plugin listens, as other hosts' values have any name, or
 * a chain renames values. */
bool unmatched_rules_receives_any_name(const struct config_files *files);

/* True if a loaded plugin may send values of PLUGIN, which is a glob and may
 * have an instance: "dbpool-trading". */
bool unmatched_rules_has_plugin(const struct unmatched_rules_input *input,
                                const char *plugin);

/* True if TYPE, the type part of a metric, can be one of TYPES, separated by
 * blanks; all are globs. */
bool unmatched_rules_has_type(const char *types, const char *type);

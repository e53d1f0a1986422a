/* SPDX-License-Identifier: MIT */
/* filter_chains: finds filter chains that collectd refuses, and rules whose
 * values a chain keeps away from resource_alert. */
#pragma once

#include "ctl/check/config_files.h"
#include "ctl/check/lint.h"
#include "resource_alert/options.h"

/* Reports chains that collectd refuses, which it does when it reads them. */
void filter_chains_check_blocks(const struct config_files *files,
                                struct lint_report *report);

/* Warns of each chain that does so, with the number of rules. In doubt, such as
 * behind a match that may hold for some of the values, a rule gets its values.
 * options: NULL: reports nothing. */
void filter_chains_check(const struct config_files *files,
                         const struct resource_alert_options *options,
                         struct lint_report *report);

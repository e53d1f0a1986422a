/* SPDX-License-Identifier: MIT */
/* rule_lint: finds limits, data sources and names in rules that are not what is
 * meant. */
#pragma once

#include "ctl/check/unmatched_rules.h"

/* Warns of limits that hide a state, of data sources that a type does not have,
 * of a Percentage of one value; and, in blocks of the threshold plugin, of
 * types that no TypesDB has and of plugins that are not loaded. */
void rule_lint_check(const struct unmatched_rules_input *input,
                     struct lint_report *report);

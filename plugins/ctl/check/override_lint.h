/* SPDX-License-Identifier: MIT */
/* override_lint: reports what the <Override> blocks change, and those whose
 * rule does not exist. */
#pragma once

#include "ctl/check/config_files.h"
#include "ctl/check/lint.h"

/* Looks at the <Override> blocks of statement INDEX, a block of resource_alert.
 * A note for each option that changes names both places; an unknown rule is an
 * error. Returns the number of errors. */
int override_lint_check(const struct config_files *files, size_t index,
                        struct lint_report *report);

/* SPDX-License-Identifier: MIT */
/* response_lint: checks responses as the daemon does behind each block, but all
 * of them. */
#pragma once

#include "ctl/check/config_files.h"
#include "ctl/check/lint.h"
#include "dbpool/options.h"
#include "resource_alert/options.h"

/* Checks the responses from number FIRST on, with what OPTIONS hold so far: a
 * response may use what stands before it and in its own <Plugin> block. Each
 * mistake is printed at its option. dbpool: NULL: its blocks have mistakes.
 * Returns 0 or -ENOMEM. */
int response_lint_check(const struct config_files *files,
                        const struct resource_alert_options *options,
                        size_t first, const struct dbpool_options *dbpool,
                        struct lint_report *report);

/* SPDX-License-Identifier: MIT */
/* missing_files: finds files and directories that the blocks of our plugins
 * name and that do not exist. */
#pragma once

#include "ctl/check/config_files.h"
#include "ctl/check/lint.h"

/* Warns of each. What the user of this program may not look at counts as
 * there. What the plugins make themselves is left out, and so is what the check
 * of the responses reports: commands and tokens. */
void missing_files_check(const struct config_files *files,
                         struct lint_report *report);

/* SPDX-License-Identifier: MIT */
/* lint: finds every mistake in a block, where collectd stops at the first. */
#pragma once

#include <stddef.h>

#include "core/option.h"
#include "ctl/check/diagnostics.h"

/* Where mistakes are reported. */
struct lint_report {
  struct diagnostics *diagnostics;
  const char *path;   /* of the file */
  const char *prefix; /* of each text, "<Plugin dbpool>: " or "" */
};

/* Reports an error at ITEM. */
void lint_report_error(const struct lint_report *report,
                       const struct config_item *item, const char *text);

/* Parses each statement of ITEM, and of the blocks in it, alone by BLOCK's
 * table. Where all of them are good, looks for what only shows in the whole: a
 * missing or repeated option, limits that contradict each other.
 * Returns the number of mistakes reported, or -ENOMEM. */
int lint_block(const struct option_block *block, const struct config_item *item,
               const struct lint_report *report);

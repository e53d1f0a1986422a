/* SPDX-License-Identifier: MIT */
/* lint: prints mistakes, a line each as compilers do, and finds every mistake
 * in a block, where collectd stops at the first. */
#pragma once

#include <stdio.h>

#include "core/option.h"
#include "ctl/check/config_files.h"

enum lint_severity {
  LINT_ERROR,   /* collectd would refuse to start */
  LINT_WARNING, /* it would start, but not do what is meant */
  LINT_SEVERITIES
};

/* Counts by enum lint_severity. */
struct lint_report {
  FILE *file;
  unsigned counts[LINT_SEVERITIES];
};

/* Prints "PATH:LINE:COLUMN: error: TEXT", or warning, and counts it. Control
 * characters become '?', because names and values come from the file. */
void lint_print(struct lint_report *report, enum lint_severity severity,
                struct config_files_place place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Prints "PATH:LINE:COLUMN: note: TEXT" and counts nothing. */
void lint_note(struct lint_report *report, struct config_files_place place,
               const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The earlier of two statements of one name in PARENT, of which ITEM is the
 * later one: blocks with the same label, or an option given again. ITEM: NULL
 * or of another parent: any. Returns NULL if there is none. */
const struct config_item *lint_find_twin(const struct config_item *parent,
                                         const struct config_item *item);

/* Parses each statement of PLACE's item, and of the blocks in it, alone by
 * BLOCK's table. Where all of them are good, looks for what only shows in the
 * whole: a missing or repeated option, limits that contradict each other.
 * prefix: of each text that is printed, "<Plugin dbpool>: " or "".
 * Returns the number of mistakes printed, or -ENOMEM. */
int lint_block(const struct option_block *block,
               struct config_files_place place, const char *prefix,
               struct lint_report *report);

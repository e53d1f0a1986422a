/* SPDX-License-Identifier: MIT */
/* diagnostics: prints errors and warnings, a line each, as compilers do. */
#pragma once

#include <stdio.h>

#include "ctl/check/config_files.h"

enum diagnostics_kind {
  DIAGNOSTICS_ERROR,   /* collectd would refuse to start */
  DIAGNOSTICS_WARNING, /* it would start, but not do what is meant */
  DIAGNOSTICS_KINDS
};

struct diagnostics {
  FILE *file;
  unsigned counts[DIAGNOSTICS_KINDS];
};

/* Prints "PATH:LINE:COLUMN: error: TEXT", or warning, and counts it. Control
 * characters become '?', because names and values come from the file. */
void diagnostics_print(struct diagnostics *diagnostics,
                       enum diagnostics_kind kind,
                       struct config_files_place place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

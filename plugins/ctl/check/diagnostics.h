/* SPDX-License-Identifier: MIT */
/* diagnostics: prints errors and warnings, a line each, as compilers do. */
#ifndef CTL_CHECK_DIAGNOSTICS_H
#define CTL_CHECK_DIAGNOSTICS_H

#include <stdio.h>

#include "ctl/check/config_files.h"

struct diagnostics {
  FILE *file;
  unsigned errors;   /* collectd would refuse to start */
  unsigned warnings; /* it would start, but not do what is meant */
};

/* Print "PATH:LINE:COLUMN: error: TEXT", or warning, and count it. */
void diagnostics_error(struct diagnostics *diagnostics,
                       const struct config_files_place *place,
                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void diagnostics_warn(struct diagnostics *diagnostics,
                      const struct config_files_place *place,
                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

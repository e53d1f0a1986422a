/* SPDX-License-Identifier: MIT */
/* diagnostics: what a check has to say, a line each, as compilers do. */
#ifndef CTL_CHECK_DIAGNOSTICS_H
#define CTL_CHECK_DIAGNOSTICS_H

#include <stdio.h>

#include "core/config.h"
#include "ctl/check/config_files.h"

struct findings {
  FILE *file;
  unsigned errors;   /* collectd would refuse to start */
  unsigned warnings; /* it would start and not do what is meant */
};

struct config_place config_place_of(const struct config_statement *statement,
                                    const struct config_item *item);

/* "PATH:LINE:COLUMN: error: TEXT". */
void findings_error(struct findings *findings, const struct config_place *place,
                    const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void findings_warn(struct findings *findings, const struct config_place *place,
                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

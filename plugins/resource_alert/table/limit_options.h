/* SPDX-License-Identifier: MIT */
/* limit_options: the four limits, the same words in a rule and in a block of
 * collectd's own threshold plugin. */
#ifndef RESOURCE_ALERT_TABLE_LIMIT_OPTIONS_H
#define RESOURCE_ALERT_TABLE_LIMIT_OPTIONS_H

#include <math.h>

#include "core/option.h"

#define LIMIT_OPTION(outer, option_name, field, text)                          \
  {                                                                            \
    .name = option_name, .kind = OPTION_NUMBER,                                \
    .offset = offsetof(struct outer, field), .min = -HUGE_VAL,                 \
    .max = HUGE_VAL, .example = "80", .help = text                             \
  }

/* outer: the tag of a struct with these four fields. NaN: not written. */
#define LIMIT_OPTION_ROWS(outer)                                               \
  LIMIT_OPTION(outer, "WarningMin", warning_min,                               \
               "A value below it is a warning."),                              \
      LIMIT_OPTION(outer, "WarningMax", warning_max,                           \
                   "A value above it is a warning."),                          \
      LIMIT_OPTION(outer, "FailureMin", failure_min,                           \
                   "A value below it is a failure."),                          \
      LIMIT_OPTION(outer, "FailureMax", failure_max,                           \
                   "A value above it is a failure.")

#endif

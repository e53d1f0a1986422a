/* SPDX-License-Identifier: MIT */
/* rule_options: the options of a <Threshold> block. */
#ifndef RESOURCE_ALERT_RULES_RULE_OPTIONS_H
#define RESOURCE_ALERT_RULES_RULE_OPTIONS_H

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

/* One rule of the table. Limits: NaN where none is set. */
struct threshold_options {
  struct option_head head;
  struct option_strings metrics;
  double warning_min, warning_max;
  double failure_min, failure_max;
  double hysteresis;
  double for_s;
  double recover_s;
  double repeat_s;
  double flap_window_s;
  int64_t flap_limit;
  int64_t hits;
  int missing;                      /* enum alert_missing */
  struct option_strings only_if;    /* none, or a metric and a comparison */
  struct option_strings severities; /* none, or of WARNING and of FAILURE */
  bool is_inverted;
  bool is_percentage;
  bool is_persistent;
  bool is_okay_persistent;
  char *message;
  char *unit;
};

extern const struct option_block threshold_block;

/* For a rule's label: it becomes a part of metric names and file names. Returns
 * 0 or -EINVAL. */
int threshold_check_name(const char *label, struct error *error);

#endif

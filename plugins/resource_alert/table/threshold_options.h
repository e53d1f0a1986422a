/* SPDX-License-Identifier: MIT */
/* threshold_options: what a <Threshold> block may hold. */
#ifndef RESOURCE_ALERT_TABLE_THRESHOLD_OPTIONS_H
#define RESOURCE_ALERT_TABLE_THRESHOLD_OPTIONS_H

#include "core/option.h"

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

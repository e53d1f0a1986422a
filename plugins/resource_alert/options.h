/* SPDX-License-Identifier: MIT */
/* options: the options of a <Plugin resource_alert> block. */
#pragma once

#include "core/option.h"
#include "resource_alert/responses/response_options.h"
#include "resource_alert/rules/notification_rule.h"
#include "resource_alert/rules/rule.h"
#include "resource_alert/rules/rule_options.h"
#include "resource_alert/rules/threshold_compat.h"
#include "resource_alert/status/status.h"

struct resource_alert_options {
  struct option_head head;
  char *state_dir; /* NULL: nothing is kept over a restart */
  char *journal;   /* NULL: none */
  int64_t max_series;
  double forget_s;
  bool publishes_series;
  struct rules_options rules;
  struct responses_options responses;
  struct status_options status;
};

extern const struct option_block resource_alert_options;

/* The names of all rules that a When may name, in the order of their indices.
 * The array is yours, free(), the names are borrowed; NULL when memory is
 * short. */
const char **
resource_alert_list_rule_names(const struct resource_alert_options *all,
                               size_t *ret_len);

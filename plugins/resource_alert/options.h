/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin resource_alert> block may hold. */
#ifndef RESOURCE_ALERT_OPTIONS_H
#define RESOURCE_ALERT_OPTIONS_H

#include "core/option.h"

struct resource_alert_options {
  struct option_head head;
};

extern const struct option_block resource_alert_options;

#endif

/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin statgrab> block may hold. */
#ifndef STATGRAB_OPTIONS_H
#define STATGRAB_OPTIONS_H

#include "core/option.h"

struct statgrab_options {
  struct option_head head;
};

extern const struct option_block statgrab_options;

#endif

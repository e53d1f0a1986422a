/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin dbpool> block may hold. */
#ifndef DBPOOL_OPTIONS_H
#define DBPOOL_OPTIONS_H

#include "core/option.h"

struct dbpool_options {
  struct option_head head;
};

extern const struct option_block dbpool_options;

#endif

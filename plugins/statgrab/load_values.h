/* SPDX-License-Identifier: MIT */
/* load_values: what is told of the load average. */
#ifndef STATGRAB_LOAD_VALUES_H
#define STATGRAB_LOAD_VALUES_H

#include "statgrab/facts.h"
#include "statgrab/options.h"
#include "statgrab/outlet.h"

/* Puts the load of 1, 5 and 15 minutes and, as the options say, the same
 * divided by CORES; those are left out where cores is 0. */
void load_put(const struct load_facts *facts, double cores,
              const struct load_options *options,
              const struct outlets *outlets);

#endif

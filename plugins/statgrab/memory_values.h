/* SPDX-License-Identifier: MIT */
/* memory_values: what is told of memory. */
#ifndef STATGRAB_MEMORY_VALUES_H
#define STATGRAB_MEMORY_VALUES_H

#include "statgrab/facts.h"
#include "statgrab/options.h"
#include "statgrab/outlet.h"

/* Percent that cannot be had without swapping: (total - available) / total,
 * psutil's virtual_memory().percent. NaN where it is not known. */
double memory_used_percent(const struct memory_facts *facts);

/* Puts percent-used and, as the options say, the parts that make up the total:
 * psutil's used, buffered, cached, free; or the native plugin's, which count
 * the slab apart. */
void memory_put(const struct memory_facts *facts,
                const struct memory_options *options,
                const struct outlets *outlets);

#endif

/* SPDX-License-Identifier: MIT */
/* df_values: what is told of a file system. */
#ifndef STATGRAB_DF_VALUES_H
#define STATGRAB_DF_VALUES_H

#include "statgrab/facts.h"
#include "statgrab/options.h"
#include "statgrab/outlet.h"

/* Percent of what users may fill that is used: used / (used + available),
 * psutil's disk_usage().percent. NaN where there is nothing to fill. */
double df_used_percent(const struct usage_facts *facts);

/* Puts the values of the file system that is called ITEM. One without size, as
 * /proc, has none. */
void df_put(const struct usage_facts *facts, const char *item,
            const struct df_options *options, const struct outlets *outlets);

#endif

/* SPDX-License-Identifier: MIT */
/* pressure_values: what is told of waiting for resources and of the limits of
 * a container. */
#ifndef STATGRAB_PRESSURE_VALUES_H
#define STATGRAB_PRESSURE_VALUES_H

#include "statgrab/facts.h"
#include "statgrab/outlet.h"

/* Puts the averages in percent and the totals in milliseconds. */
void pressure_put(const struct pressure_facts *facts,
                  const struct outlets *outlets);

/* Puts limits and their use; nothing of what is not limited.
 * processors: that this process may use, NaN where unknown. */
void cgroup_put(const struct cgroup_facts *facts, double processors,
                const struct outlets *outlets);

/* Processors that this process may use: the smallest of those online, those it
 * may run on (affinity and cpuset) and the quota of its group. affinity:
 * FACT_UNKNOWN for no restriction. NaN where nothing is known. */
double usable_processors(uint64_t online, uint64_t affinity, double quota);

#endif

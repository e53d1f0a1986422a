/* SPDX-License-Identifier: MIT */
/* process_values: what is told of processes. */
#ifndef STATGRAB_PROCESS_VALUES_H
#define STATGRAB_PROCESS_VALUES_H

#include "statgrab/facts.h"
#include "statgrab/outlet.h"

/* Puts the count of processes and threads and, where known, the states.
 * forks: since the system started, or FACT_UNKNOWN. */
void processes_put(const struct process_facts *facts, uint64_t forks,
                   const struct outlets *outlets);

#endif

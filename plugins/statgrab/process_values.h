/* SPDX-License-Identifier: MIT */
/* process_values: what is told of processes and of the files they have open. */
#ifndef STATGRAB_PROCESS_VALUES_H
#define STATGRAB_PROCESS_VALUES_H

#include "statgrab/facts.h"
#include "statgrab/options.h"
#include "statgrab/outlet.h"

/* Puts the count of processes and threads and, where known, the states.
 * forks: since the system started, or FACT_UNKNOWN. */
void processes_put(const struct process_facts *facts, uint64_t forks,
                   const struct outlets *outlets);

/* Puts files that are open on the whole system. */
void handles_put(const struct handle_facts *facts,
                 const struct fhcount_options *options,
                 const struct outlets *outlets);

#endif

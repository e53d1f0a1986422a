/* SPDX-License-Identifier: MIT */
/* cpu_facts: the growing list of processors in struct cpu_facts. */
#ifndef STATGRAB_CPU_FACTS_H
#define STATGRAB_CPU_FACTS_H

#include "statgrab/facts.h"

#define CPU_NUMBER_MAX 65535u

/* Ticks of which nothing is known. */
struct cpu_ticks cpu_ticks_unknown(void);

/* Forgets all readings and keeps the memory. */
void cpu_facts_clear(struct cpu_facts *facts);

/* Adds one processor. Returns 0 or -ENOMEM. */
int cpu_facts_add(struct cpu_facts *facts, unsigned number,
                  const struct cpu_ticks *ticks);

/* Frees what the facts hold. Accepts NULL. */
void cpu_facts_fini(struct cpu_facts *facts);

#endif

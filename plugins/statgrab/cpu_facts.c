/* SPDX-License-Identifier: MIT */
/* cpu_facts: the growing list of processors in struct cpu_facts. */
#include "statgrab/cpu_facts.h"

#include <errno.h>
#include <stdlib.h>

struct cpu_ticks cpu_ticks_unknown(void) {
  struct cpu_ticks ticks;
  for (size_t i = 0; i < CPU_STATES; i++) {
    ticks.states[i] = FACT_UNKNOWN;
  }
  return ticks;
}

void cpu_facts_clear(struct cpu_facts *facts) {
  *facts = (struct cpu_facts){
      .all = cpu_ticks_unknown(),
      .each = facts->each,
      .each_capacity = facts->each_capacity,
      .online = FACT_UNKNOWN,
      .context_switches = FACT_UNKNOWN,
      .interrupts = FACT_UNKNOWN,
      .forks = FACT_UNKNOWN,
      .running = FACT_UNKNOWN,
      .blocked = FACT_UNKNOWN,
  };
}

int cpu_facts_add(struct cpu_facts *facts, unsigned number,
                  const struct cpu_ticks *ticks) {
  if (facts->each_len == facts->each_capacity) {
    size_t capacity = facts->each_capacity == 0 ? 8 : facts->each_capacity * 2;
    struct cpu_one *larger = realloc(facts->each, capacity * sizeof(*larger));
    if (larger == NULL) {
      return -ENOMEM;
    }
    facts->each = larger;
    facts->each_capacity = capacity;
  }
  facts->each[facts->each_len++] =
      (struct cpu_one){.number = number, .ticks = *ticks};
  return 0;
}

void cpu_facts_fini(struct cpu_facts *facts) {
  if (facts == NULL) {
    return;
  }
  free(facts->each);
  *facts = (struct cpu_facts){0};
}

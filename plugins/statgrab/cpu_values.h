/* SPDX-License-Identifier: MIT */
/* cpu_values: what is told of the processors. */
#ifndef STATGRAB_CPU_VALUES_H
#define STATGRAB_CPU_VALUES_H

#include "statgrab/facts.h"
#include "statgrab/options.h"
#include "statgrab/outlet.h"

/* Shares of the time between two readings, in percent; NaN where unknown. */
struct cpu_percents {
  double active; /* all but idle and waiting for a disk: psutil's */
  double states[CPU_STATES];
};

/* From one reading to the next. A state that went backwards, as wait does now
 * and then, counts as 0. Within one tick everything is NaN. Guest time is part
 * of user time and not counted twice. */
struct cpu_percents cpu_percents_between(const struct cpu_ticks *before,
                                         const struct cpu_ticks *now);

/* What is kept from one reading to the next. All zero: no reading yet. */
struct cpu_history {
  bool has_all;
  struct cpu_ticks all;
  struct cpu_one *each; /* owned */
  size_t each_len;
};

/* Puts what the options ask for and keeps the readings. Percentages begin with
 * the second reading. */
void cpu_put(const struct cpu_facts *facts, const struct cpu_options *options,
             const struct outlets *outlets, struct cpu_history *history);

/* Frees what the history holds. Accepts NULL. */
void cpu_history_fini(struct cpu_history *history);

#endif

/* SPDX-License-Identifier: MIT */
/* metrics_cpu: values of processors, of the load average and of processes. */
#include "statgrab/metrics.h"

#include <math.h>
#include <stdio.h>

static const char *const cpu_state_names[CPU_STATES] = {
    [CPU_USER] = "user",       [CPU_NICE] = "nice",
    [CPU_SYSTEM] = "system",   [CPU_IDLE] = "idle",
    [CPU_WAIT] = "wait",       [CPU_INTERRUPT] = "interrupt",
    [CPU_SOFTIRQ] = "softirq", [CPU_STEAL] = "steal",
    [CPU_GUEST] = "guest",     [CPU_GUEST_NICE] = "guest_nice",
};

/* The time of virtual machines, which the kernel also counts as user or
 * nice. */
static bool is_guest_state(size_t state) {
  return state == CPU_GUEST || state == CPU_GUEST_NICE;
}

/* ---- from counters to shares ---- */

/* Returns 0 for a counter that is unknown or has decreased. */
static uint64_t count_ticks_between(const struct stats_cpu_ticks *before,
                                    const struct stats_cpu_ticks *now,
                                    size_t state) {
  uint64_t from = before->states[state];
  uint64_t to = now->states[state];
  bool is_known = from != STATS_UNKNOWN && to != STATS_UNKNOWN;
  return is_known && to > from ? to - from : 0;
}

/* The elapsed time is the sum of all states, not a clock's: so the shares
 * add up to 100 however many processors there are, and do not depend on when
 * collectd reads. */
struct metrics_cpu_percents
metrics_cpu_percents(const struct stats_cpu_ticks *before,
                     const struct stats_cpu_ticks *now) {
  struct metrics_cpu_percents percents = {.active = (double)NAN};
  uint64_t elapsed = 0;
  for (size_t i = 0; i < CPU_STATES; i++) {
    percents.states[i] = (double)NAN;
    elapsed += is_guest_state(i) ? 0 : count_ticks_between(before, now, i);
  }
  if (elapsed == 0) {
    return percents;
  }
  for (size_t i = 0; i < CPU_STATES; i++) {
    if (now->states[i] != STATS_UNKNOWN) {
      percents.states[i] =
          100.0 * (double)count_ticks_between(before, now, i) / (double)elapsed;
    }
  }
  uint64_t idle = count_ticks_between(before, now, CPU_IDLE) +
                  count_ticks_between(before, now, CPU_WAIT);
  percents.active = 100.0 * (double)(elapsed - idle) / (double)elapsed;
  return percents;
}

/* ---- values ---- */

/* Sends the shares of the states; or, without ValuesPercentage, their counters.
 * User and nice include guest time, as in psutil. */
static void send_states(const struct metrics_cpu_percents *percents,
                        const struct stats_cpu_ticks *ticks,
                        const struct cpu_options *options,
                        const struct emitter *emitter) {
  for (size_t i = 0; i < CPU_STATES; i++) {
    if (is_guest_state(i) && ticks->states[i] == 0) {
      continue; /* there never was a virtual machine */
    }
    if (options->values_percentage) {
      emitter_send_gauge(emitter, "percent", cpu_state_names[i],
                         percents->states[i]);
    } else {
      emitter_send_counter(emitter, "cpu", cpu_state_names[i],
                           ticks->states[i]);
    }
  }
}

/* psutil's percent-active is sent whatever the options are. */
static void send_processor_values(const struct stats_cpu_ticks *before,
                                  const struct stats_cpu_ticks *now,
                                  const struct cpu_options *options,
                                  const struct emitter *emitter) {
  struct metrics_cpu_percents percents = metrics_cpu_percents(before, now);
  emitter_send_gauge(emitter, "percent", "active", percents.active);
  if (options->report_by_state) {
    send_states(&percents, now, options, emitter);
  }
}

/* Finds the ticks of processor NUMBER; unknown ones where it is new. POSITION
 * is where it usually is: processors seldom come and go. */
static struct stats_cpu_ticks
find_processor_ticks(const struct stats_cpu *stats, size_t position,
                     unsigned number) {
  if (position < stats->each_len && stats->each[position].number == number) {
    return stats->each[position].ticks;
  }
  for (size_t i = 0; i < stats->each_len; i++) {
    if (stats->each[i].number == number) {
      return stats->each[i].ticks;
    }
  }
  return stats_cpu_ticks_unknown();
}

/* Items are the numbers of the processors. */
static void send_each_processor(const struct stats_cpu *before,
                                const struct stats_cpu *now,
                                const struct cpu_options *options,
                                const struct emitter *emitter) {
  for (size_t i = 0; i < now->each_len; i++) {
    const struct stats_cpu_one *one = &now->each[i];
    char item[16];
    (void)snprintf(item, sizeof(item), "%u", one->number);
    const struct emitter of_one = {emitter->sink, emitter->prefix, item};
    struct stats_cpu_ticks last = find_processor_ticks(before, i, one->number);
    send_processor_values(&last, &one->ticks, options, &of_one);
  }
}

void metrics_send_cpu(const struct stats_cpu *before,
                      const struct stats_cpu *now,
                      const struct cpu_options *options,
                      const struct emitter *emitter) {
  send_processor_values(&before->all, &now->all, options, emitter);
  if (options->report_by_cpu) {
    send_each_processor(before, now, options, emitter);
  }
  emitter_send_amount(emitter, "count", "", now->online);
  emitter_send_counter(emitter, "irq", "total", now->interrupts);
  emitter_send_counter(emitter, "contextswitch", "", now->context_switches);
}

/* ---- load ---- */

void metrics_send_load(const struct stats_load *stats, double cores,
                       const struct emitter *emitter) {
  const double *load = stats->minutes;
  emitter_send_gauges(emitter, "load", "", load, 3);
  if (cores > 0) {
    const double relative[] = {load[0] / cores, load[1] / cores,
                               load[2] / cores};
    emitter_send_gauges(emitter, "load", "relative", relative, 3);
  }
}

/* ---- processes ---- */

/* Type instances, as in the native plugin. */
static const char *const process_state_names[PROCESS_STATES] = {
    [PROCESS_RUNNING] = "running", [PROCESS_SLEEPING] = "sleeping",
    [PROCESS_BLOCKED] = "blocked", [PROCESS_STOPPED] = "stopped",
    [PROCESS_ZOMBIE] = "zombies",  [PROCESS_IDLE] = "idle",
};

/* Threads are NaN where states are not counted, because the type has two
 * data sources and one cannot be left out. */
void metrics_send_processes(const struct stats_processes *stats, uint64_t forks,
                            const struct emitter *emitter) {
  const double counts[] = {(double)stats->count, stats->threads == STATS_UNKNOWN
                                                     ? (double)NAN
                                                     : (double)stats->threads};
  emitter_send_gauges(emitter, "ps_count", "", counts, 2);
  for (size_t i = 0; i < PROCESS_STATES; i++) {
    emitter_send_amount(emitter, "ps_state", process_state_names[i],
                        stats->states[i]);
  }
  emitter_send_counter(emitter, "fork_rate", "", forks);
}

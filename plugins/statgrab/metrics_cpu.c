/* SPDX-License-Identifier: MIT */
/* metrics_cpu: values of processors and of the load average. */
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

static bool is_guest_state(size_t state) {
  return state == CPU_GUEST || state == CPU_GUEST_NICE;
}

/* ---- from counters to shares ---- */

/* Returns 0 for a counter that is unknown or has decreased. */
static uint64_t ticks_between(const struct stats_cpu_ticks *before,
                              const struct stats_cpu_ticks *now, size_t state) {
  uint64_t from = before->states[state];
  uint64_t to = now->states[state];
  bool is_known = from != STATS_UNKNOWN && to != STATS_UNKNOWN;
  return is_known && to > from ? to - from : 0;
}

struct metrics_cpu_percents
metrics_cpu_percents(const struct stats_cpu_ticks *before,
                     const struct stats_cpu_ticks *now) {
  struct metrics_cpu_percents percents = {.active = (double)NAN};
  uint64_t elapsed = 0;
  for (size_t i = 0; i < CPU_STATES; i++) {
    percents.states[i] = (double)NAN;
    elapsed += is_guest_state(i) ? 0 : ticks_between(before, now, i);
  }
  if (elapsed == 0) {
    return percents;
  }
  for (size_t i = 0; i < CPU_STATES; i++) {
    if (now->states[i] != STATS_UNKNOWN) {
      percents.states[i] =
          100.0 * (double)ticks_between(before, now, i) / (double)elapsed;
    }
  }
  uint64_t idle = ticks_between(before, now, CPU_IDLE) +
                  ticks_between(before, now, CPU_WAIT);
  percents.active = 100.0 * (double)(elapsed - idle) / (double)elapsed;
  return percents;
}

/* ---- values ---- */

/* Guest time is optional; it is contained in user and nice. */
static bool is_state_reported(size_t state, const struct cpu_options *options) {
  return !is_guest_state(state) || options->report_guest_state;
}

/* The states that contain guest time, and the states of that time. */
static const size_t hosts_and_guests[][2] = {{CPU_USER, CPU_GUEST},
                                             {CPU_NICE, CPU_GUEST_NICE}};

/* Sends the counters of the states. */
static void send_tick_counters(const struct stats_cpu_ticks *ticks,
                               const struct cpu_options *options,
                               const struct emitter_sink *sink) {
  struct stats_cpu_ticks out = *ticks;
  bool subtracts_guest =
      options->report_guest_state && options->subtract_guest_state;
  for (size_t i = 0; i < 2 && subtracts_guest; i++) {
    uint64_t *host = &out.states[hosts_and_guests[i][0]];
    uint64_t guest = out.states[hosts_and_guests[i][1]];
    if (guest != STATS_UNKNOWN && *host != STATS_UNKNOWN) {
      *host -= guest < *host ? guest : *host;
    }
  }
  for (size_t i = 0; i < CPU_STATES; i++) {
    if (is_state_reported(i, options)) {
      emitter_send_counter(sink, "cpu", cpu_state_names[i], out.states[i]);
    }
  }
}

/* Sends the shares of the states. */
static void send_state_percents(const struct metrics_cpu_percents *percents,
                                const struct cpu_options *options,
                                const struct emitter_sink *sink) {
  struct metrics_cpu_percents out = *percents;
  bool subtracts_guest =
      options->report_guest_state && options->subtract_guest_state;
  for (size_t i = 0; i < 2 && subtracts_guest; i++) {
    double *host = &out.states[hosts_and_guests[i][0]];
    double guest = out.states[hosts_and_guests[i][1]];
    *host = isnan(guest) ? *host : fmax(*host - guest, 0);
  }
  for (size_t i = 0; i < CPU_STATES; i++) {
    if (is_state_reported(i, options)) {
      emitter_send_gauge(sink, "percent", cpu_state_names[i], out.states[i]);
    }
  }
}

/* psutil's percent-active is sent whatever the options are. */
static void send_cpu_percents(const struct stats_cpu_ticks *before,
                              const struct stats_cpu_ticks *now,
                              const struct cpu_options *options,
                              const struct emitter *emitter) {
  struct metrics_cpu_percents percents = metrics_cpu_percents(before, now);
  emitter_send_gauge(&emitter->own, "percent", "active", percents.active);
  if (options->report_by_state && options->values_percentage) {
    send_state_percents(&percents, options, &emitter->common);
  } else if (!options->report_by_state && emitter->is_native) {
    /* The native plugin counts waiting for a disk as active. */
    emitter_send_gauge(&emitter->common, "percent", "active",
                       100.0 - percents.states[CPU_IDLE]);
  }
}

static void send_ticks(const struct stats_cpu_ticks *before,
                       const struct stats_cpu_ticks *now,
                       const struct cpu_options *options,
                       const struct emitter *emitter) {
  send_cpu_percents(before, now, options, emitter);
  if (options->report_by_state && !options->values_percentage) {
    send_tick_counters(now, options, &emitter->common);
  }
}

/* Finds the ticks of processor NUMBER; unknown ones where it is new. POSITION
 * is where it usually is: processors seldom come and go. */
static struct stats_cpu_ticks find_processor(const struct stats_cpu *stats,
                                             size_t position, unsigned number) {
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
    struct emitter of_one = emitter_with_item(emitter, item);
    struct stats_cpu_ticks last = find_processor(before, i, one->number);
    send_ticks(&last, &one->ticks, options, &of_one);
  }
}

void metrics_send_cpu(const struct stats_cpu *before,
                      const struct stats_cpu *now,
                      const struct cpu_options *options,
                      const struct emitter *emitter) {
  send_ticks(&before->all, &now->all, options, emitter);
  if (options->report_by_cpu) {
    send_each_processor(before, now, options, emitter);
  }
  if (options->report_num_cpu) {
    emitter_send_amount(&emitter->common, "count", "", now->online);
  }
  emitter_send_counter(&emitter->own, "irq", "total", now->interrupts);
}

/* ---- load ---- */

void metrics_send_load(const struct stats_load *stats, double cores,
                       const struct load_options *options,
                       const struct emitter *emitter) {
  const double load[] = {stats->minutes_1, stats->minutes_5, stats->minutes_15};
  emitter_send_gauges(&emitter->common, "load", "", load, 3);
  if (options->report_relative && cores > 0) {
    const double relative[] = {load[0] / cores, load[1] / cores,
                               load[2] / cores};
    emitter_send_gauges(&emitter->common, "load", "relative", relative, 3);
  }
}

/* SPDX-License-Identifier: MIT */
/* metrics_cpu: values of processors and of the load average. */
#include "statgrab/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void send_tick_counters(const struct stats_cpu_ticks *ticks,
                               const char *item,
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
      emitter_send_counter(sink, item, "cpu", cpu_state_names[i],
                           out.states[i]);
    }
  }
}

static void send_state_percents(const struct metrics_cpu_percents *percents,
                                const char *item,
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
      emitter_send_gauge(sink, item, "percent", cpu_state_names[i],
                         out.states[i]);
    }
  }
}

static void send_cpu_percents(const struct stats_cpu_ticks *before,
                              const struct stats_cpu_ticks *now,
                              const char *item,
                              const struct cpu_options *options,
                              const struct emitter *emitter) {
  struct metrics_cpu_percents percents = metrics_cpu_percents(before, now);
  emitter_send_gauge(&emitter->own, item, "percent", "active", percents.active);
  if (options->report_by_state && options->values_percentage) {
    send_state_percents(&percents, item, options, &emitter->common);
  } else if (!options->report_by_state && emitter->is_native) {
    /* the native plugin counts waiting for a disk as active */
    emitter_send_gauge(&emitter->common, item, "percent", "active",
                       100.0 - percents.states[CPU_IDLE]);
  }
}

/* before: NULL at the first read. */
static void send_ticks(const struct stats_cpu_ticks *before,
                       const struct stats_cpu_ticks *now, const char *item,
                       const struct cpu_options *options,
                       const struct emitter *emitter) {
  if (before != NULL) {
    send_cpu_percents(before, now, item, options, emitter);
  }
  if (options->report_by_state && !options->values_percentage) {
    send_tick_counters(now, item, options, &emitter->common);
  }
}

/* ---- history ---- */

/* POSITION is where the processor usually is: processors seldom come and go.
 * Returns NULL for a new one. */
static const struct stats_cpu_ticks *
find_last_ticks(const struct metrics_cpu_history *history, size_t position,
                unsigned number) {
  if (position < history->each_len &&
      history->each[position].number == number) {
    return &history->each[position].ticks;
  }
  for (size_t i = 0; i < history->each_len; i++) {
    if (history->each[i].number == number) {
      return &history->each[i].ticks;
    }
  }
  return NULL;
}

static void save_each(struct metrics_cpu_history *history,
                      const struct stats_cpu_one *each, size_t each_len) {
  if (each_len != history->each_len) {
    struct stats_cpu_one *fitting =
        realloc(history->each, each_len * sizeof(*each));
    if (fitting == NULL) { /* the next read has no percentages */
      history->each_len = 0;
      return;
    }
    history->each = fitting;
  }
  memcpy(history->each, each, each_len * sizeof(*each));
  history->each_len = each_len;
}

static void send_each_processor(const struct stats_cpu *stats,
                                const struct cpu_options *options,
                                const struct emitter *emitter,
                                struct metrics_cpu_history *history) {
  struct stats_cpu_one *each = stats->each;
  for (size_t i = 0; i < stats->each_len; i++) {
    char item[16];
    (void)snprintf(item, sizeof(item), "%u", each[i].number);
    send_ticks(find_last_ticks(history, i, each[i].number), &each[i].ticks,
               item, options, emitter);
  }
  if (stats->each_len > 0) {
    save_each(history, each, stats->each_len);
  }
}

void metrics_send_cpu(const struct stats_cpu *stats,
                      const struct cpu_options *options,
                      const struct emitter *emitter,
                      struct metrics_cpu_history *history) {
  send_ticks(history->has_all ? &history->all : NULL, &stats->all, "", options,
             emitter);
  history->has_all = true;
  history->all = stats->all;
  if (options->report_by_cpu) {
    send_each_processor(stats, options, emitter, history);
  }
  if (options->report_num_cpu) {
    emitter_send_amount(&emitter->common, "", "count", "", stats->online);
  }
  emitter_send_counter(&emitter->own, "", "irq", "total", stats->interrupts);
}

void metrics_cpu_history_fini(struct metrics_cpu_history *history) {
  free(history->each);
  *history = (struct metrics_cpu_history){0};
}

/* ---- load ---- */

static void send_load_sample(const struct stats_load *stats, double cores,
                             const char *type_instance,
                             const struct emitter_sink *sink) {
  struct sample sample = {
      .type = "load",
      .type_instance = type_instance,
      .kind = SAMPLE_GAUGE,
      .values_len = 3,
      .values = {{.gauge = stats->minutes_1 / cores},
                 {.gauge = stats->minutes_5 / cores},
                 {.gauge = stats->minutes_15 / cores}},
  };
  emitter_send_sample(sink, "", &sample);
}

void metrics_send_load(const struct stats_load *stats, double cores,
                       const struct load_options *options,
                       const struct emitter *emitter) {
  send_load_sample(stats, 1, "", &emitter->common);
  if (options->report_relative && cores > 0) {
    send_load_sample(stats, cores, "relative", &emitter->common);
  }
}

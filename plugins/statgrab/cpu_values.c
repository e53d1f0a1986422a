/* SPDX-License-Identifier: MIT */
/* cpu_values: what is told of the processors. */
#include "statgrab/cpu_values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[CPU_STATES] = {
    [CPU_USER] = "user",       [CPU_NICE] = "nice",
    [CPU_SYSTEM] = "system",   [CPU_IDLE] = "idle",
    [CPU_WAIT] = "wait",       [CPU_INTERRUPT] = "interrupt",
    [CPU_SOFTIRQ] = "softirq", [CPU_STEAL] = "steal",
    [CPU_GUEST] = "guest",     [CPU_GUEST_NICE] = "guest_nice",
};

static bool is_guest(size_t state) {
  return state == CPU_GUEST || state == CPU_GUEST_NICE;
}

/* ---- from counters to shares ---- */

static uint64_t ticks_between(const struct cpu_ticks *before,
                              const struct cpu_ticks *now, size_t state) {
  uint64_t from = before->states[state];
  uint64_t to = now->states[state];
  bool is_known = from != FACT_UNKNOWN && to != FACT_UNKNOWN;
  return is_known && to > from ? to - from : 0;
}

struct cpu_percents cpu_percents_between(const struct cpu_ticks *before,
                                         const struct cpu_ticks *now) {
  struct cpu_percents percents = {.active = (double)NAN};
  uint64_t elapsed = 0;
  for (size_t i = 0; i < CPU_STATES; i++) {
    percents.states[i] = (double)NAN;
    elapsed += is_guest(i) ? 0 : ticks_between(before, now, i);
  }
  if (elapsed == 0) {
    return percents;
  }
  for (size_t i = 0; i < CPU_STATES; i++) {
    if (now->states[i] != FACT_UNKNOWN) {
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

static bool is_wanted(size_t state, const struct cpu_options *options) {
  return !is_guest(state) || options->report_guest_state;
}

/* Guest time stands in user and nice as well. */
static const size_t hosts_and_guests[][2] = {{CPU_USER, CPU_GUEST},
                                             {CPU_NICE, CPU_GUEST_NICE}};

static void put_counters(const struct cpu_ticks *ticks, const char *item,
                         const struct cpu_options *options,
                         const struct outlet *outlet) {
  struct cpu_ticks out = *ticks;
  bool is_apart = options->report_guest_state && options->subtract_guest_state;
  for (size_t i = 0; i < 2 && is_apart; i++) {
    uint64_t *host = &out.states[hosts_and_guests[i][0]];
    uint64_t guest = out.states[hosts_and_guests[i][1]];
    if (guest != FACT_UNKNOWN && *host != FACT_UNKNOWN) {
      *host -= guest < *host ? guest : *host;
    }
  }
  for (size_t i = 0; i < CPU_STATES; i++) {
    if (is_wanted(i, options)) {
      outlet_put_counter(outlet, item, "cpu", state_names[i], out.states[i]);
    }
  }
}

static void put_shares(const struct cpu_percents *percents, const char *item,
                       const struct cpu_options *options,
                       const struct outlet *outlet) {
  struct cpu_percents out = *percents;
  bool is_apart = options->report_guest_state && options->subtract_guest_state;
  for (size_t i = 0; i < 2 && is_apart; i++) {
    double *host = &out.states[hosts_and_guests[i][0]];
    double guest = out.states[hosts_and_guests[i][1]];
    *host = isnan(guest) ? *host : fmax(*host - guest, 0);
  }
  for (size_t i = 0; i < CPU_STATES; i++) {
    if (is_wanted(i, options)) {
      outlet_put(outlet, item, "percent", state_names[i], out.states[i]);
    }
  }
}

static void put_percents(const struct cpu_ticks *before,
                         const struct cpu_ticks *now, const char *item,
                         const struct cpu_options *options,
                         const struct outlets *outlets) {
  struct cpu_percents percents = cpu_percents_between(before, now);
  outlet_put(&outlets->own, item, "percent", "active", percents.active);
  if (options->report_by_state && options->values_percentage) {
    put_shares(&percents, item, options, &outlets->common);
  } else if (!options->report_by_state && outlets->is_native) {
    /* to the native plugin, waiting for a disk is activity */
    outlet_put(&outlets->common, item, "percent", "active",
               100.0 - percents.states[CPU_IDLE]);
  }
}

static void put_ticks(const struct cpu_ticks *before,
                      const struct cpu_ticks *now, const char *item,
                      const struct cpu_options *options,
                      const struct outlets *outlets) {
  if (before != NULL) {
    put_percents(before, now, item, options, outlets);
  }
  if (options->report_by_state && !options->values_percentage) {
    put_counters(now, item, options, &outlets->common);
  }
}

/* ---- what is kept ---- */

static const struct cpu_ticks *find_one(const struct cpu_history *history,
                                        size_t position, unsigned number) {
  if (position < history->each_len &&
      history->each[position].number == number) {
    return &history->each[position].ticks; /* nothing came or went */
  }
  for (size_t i = 0; i < history->each_len; i++) {
    if (history->each[i].number == number) {
      return &history->each[i].ticks;
    }
  }
  return NULL;
}

static void keep_each(struct cpu_history *history, const struct cpu_one *each,
                      size_t each_len) {
  if (each_len != history->each_len) {
    struct cpu_one *fitting = realloc(history->each, each_len * sizeof(*each));
    if (fitting == NULL) { /* the next reading has nothing to compare with */
      history->each_len = 0;
      return;
    }
    history->each = fitting;
  }
  memcpy(history->each, each, each_len * sizeof(*each));
  history->each_len = each_len;
}

static void put_each(const struct cpu_facts *facts,
                     const struct cpu_options *options,
                     const struct outlets *outlets,
                     struct cpu_history *history) {
  struct cpu_one *each = facts->each;
  for (size_t i = 0; i < facts->each_len; i++) {
    char item[16];
    (void)snprintf(item, sizeof(item), "%u", each[i].number);
    put_ticks(find_one(history, i, each[i].number), &each[i].ticks, item,
              options, outlets);
  }
  if (facts->each_len > 0) {
    keep_each(history, each, facts->each_len);
  }
}

void cpu_put(const struct cpu_facts *facts, const struct cpu_options *options,
             const struct outlets *outlets, struct cpu_history *history) {
  put_ticks(history->has_all ? &history->all : NULL, &facts->all, "", options,
            outlets);
  history->has_all = true;
  history->all = facts->all;
  if (options->report_by_cpu) {
    put_each(facts, options, outlets, history);
  }
  if (options->report_num_cpu) {
    outlet_put_amount(&outlets->common, "", "count", "", facts->online);
  }
  outlet_put_counter(&outlets->own, "", "irq", "total", facts->interrupts);
}

void cpu_history_fini(struct cpu_history *history) {
  if (history == NULL) {
    return;
  }
  free(history->each);
  *history = (struct cpu_history){0};
}

/* SPDX-License-Identifier: MIT */
/* write_bench: inside a stock collectd, times what write callbacks take for one
 * value, writes one line a figure into BENCH_OUTPUT and ends the daemon.
 *
 * Environment: BENCH_SERIES, BENCH_THREADS, BENCH_ROUNDS, BENCH_NAME (the
 * series' plugin), BENCH_PEER (1: time collectd's threshold plugin, too),
 * BENCH_WALL (1: what a clock on the wall shows, not processor time). Each
 * value is copied first, as the daemon hands over a fresh copy; what the copy
 * and the dispatch to a callback that does nothing take is subtracted. */
#include "glue/glue.h"

#include "collectd.h"
#include "plugin.h"
#include "utils/common/common.h"
#include "utils_cache.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 16

static value_list_t *series;
static size_t series_len;
static value_t level = {.gauge = 50};
static const data_set_t *type;

struct share {
  pthread_t thread;
  const char *plugin;
  size_t first, last;
};

static size_t number(const char *name, size_t otherwise) {
  const char *text = getenv(name);
  return text == NULL ? otherwise : strtoul(text, NULL, 10);
}

static int do_nothing(const data_set_t *set, const value_list_t *list,
                      user_data_t *data) {
  (void)set, (void)list, (void)data;
  return 0;
}

static void make_series(void) {
  const char *plugin = getenv("BENCH_NAME");
  series_len = number("BENCH_SERIES", 12000);
  series = calloc(series_len, sizeof(*series));
  for (size_t i = 0; series != NULL && i < series_len; i++) {
    value_list_t *list = &series[i];
    list->values = &level;
    list->values_len = 1;
    list->interval = TIME_T_TO_CDTIME_T(10);
    list->time = cdtime();
    (void)snprintf(list->host, sizeof(list->host), "host%zu.example.org",
                   i % 100);
    (void)snprintf(list->plugin, sizeof(list->plugin), "%s",
                   plugin == NULL ? "bench" : plugin);
    (void)snprintf(list->plugin_instance, sizeof(list->plugin_instance), "%zu",
                   i / 100);
    (void)snprintf(list->type, sizeof(list->type), "gauge");
    (void)snprintf(list->type_instance, sizeof(list->type_instance), "value");
  }
}

static void *write_share(void *argument) {
  const struct share *share = argument;
  for (size_t i = share->first; i < share->last; i++) {
    value_list_t list = series[i];
    (void)plugin_write(share->plugin, type, &list);
  }
  return NULL;
}

/* Of processor time, so that a busy machine does not count. */
static clockid_t choose_clock(size_t threads) {
  if (number("BENCH_WALL", 0) > 0) {
    return CLOCK_MONOTONIC;
  }
  return threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID;
}

/* Nanoseconds a value, over all series by THREADS at once. */
static double time_pass(const char *plugin, size_t threads) {
  struct share shares[THREADS_MAX];
  struct timespec from;
  struct timespec to;
  for (size_t i = 0; i < series_len; i++) {
    series[i].time += series[i].interval;
  }
  clockid_t clock = choose_clock(threads);
  (void)clock_gettime(clock, &from);
  for (size_t i = 0; i < threads; i++) {
    shares[i] = (struct share){.plugin = plugin,
                               .first = series_len * i / threads,
                               .last = series_len * (i + 1) / threads};
    if (threads == 1) {
      (void)write_share(&shares[i]);
    } else {
      (void)pthread_create(&shares[i].thread, NULL, write_share, &shares[i]);
    }
  }
  for (size_t i = 0; i < threads && threads > 1; i++) {
    (void)pthread_join(shares[i].thread, NULL);
  }
  (void)clock_gettime(clock, &to);
  double elapsed_ns = (double)(to.tv_sec - from.tv_sec) * 1e9 +
                      (double)(to.tv_nsec - from.tv_nsec);
  return elapsed_ns / (double)series_len;
}

/* The fastest of ROUNDS passes, less the fastest that does nothing: what is
 * above it is other people's work. */
static double fastest_of(const char *plugin, size_t threads, size_t rounds) {
  double ours = HUGE_VAL;
  double nothing = HUGE_VAL;
  for (size_t i = 0; i < rounds; i++) {
    ours = fmin(ours, time_pass(plugin, threads));
    nothing = fmin(nothing, time_pass("write_bench", threads));
  }
  return ours - nothing;
}

/* Bytes of memory that the daemon occupies. */
static double resident(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file != NULL && fscanf(file, "%*u %lu", &pages) != 1) {
    pages = 0;
  }
  if (file != NULL) {
    (void)fclose(file);
  }
  return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static int measure(void) {
  size_t threads = number("BENCH_THREADS", 1);
  size_t rounds = number("BENCH_ROUNDS", 15);
  FILE *file = fopen(getenv("BENCH_OUTPUT"), "w");
  type = plugin_get_ds("gauge");
  make_series();
  if (file == NULL || type == NULL || series == NULL || threads > THREADS_MAX) {
    return -1;
  }
  double before = resident();
  (void)fprintf(file, "first %.1f\n", time_pass("resource_alert", 1));
  (void)fprintf(file, "bytes %.1f\n",
                (resident() - before) / (double)series_len);
  (void)fprintf(file, "ours %.1f\n",
                fastest_of("resource_alert", threads, rounds));
  if (number("BENCH_PEER", 0) > 0) {
    for (size_t i = 0; i < series_len; i++) {
      (void)uc_update(type, &series[i]);
    }
    (void)fprintf(file, "peer %.1f\n",
                  fastest_of("threshold", threads, rounds));
  }
  (void)fclose(file);
  (void)kill(getpid(), SIGTERM);
  return 0;
}

void module_register(void) {
  (void)plugin_register_write("write_bench", do_nothing, NULL);
  (void)plugin_register_read("write_bench", measure);
}

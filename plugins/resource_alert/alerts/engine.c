/* SPDX-License-Identifier: MIT */
/* engine: the thread that dispatches alert events and lets time pass. The write
 * threads judge readings and queue the alerts whose state changed. */
#include "resource_alert/alerts/engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/glob.h"
#include "core/json_util.h"
#include "core/log.h"
#include "core/worker_thread.h"
#include "resource_alert/alerts/alert_event.h"
#include "resource_alert/alerts/change_queue.h"
#include "resource_alert/alerts/event_dispatch.h"
#include "resource_alert/journal.h"

#define TICK_MS 250
#define ALERTS_MAX 32 /* of one series that are published */
#define STUCK_MS 10000
#define REFUSED_MS 60000 /* values were refused within this time */
#define IDLE_INTERVALS 3 /* before a rule without a series is logged */

struct engine {
  struct engine_deps deps;
  struct rules rules;
  struct change_queue queue;
  struct series_table *table;
  struct event_dispatch *dispatch;
  struct leak_list *leaks;
  pthread_t thread;
  bool is_started;

  struct log_complaint rejections;
  uint64_t rejected;
  _Atomic int64_t rejected_ms; /* monotonic: when it rose last; 0: never */
  _Atomic int64_t turn_ms;     /* monotonic: when the thread came round */
  int64_t started_ms;
  bool has_logged_idle;
  _Atomic uint64_t transitions;
  _Atomic bool has_listeners; /* all plugins of the daemon are initialized */
};

static int64_t read_wall_clock_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct engine_clock engine_real_clock = {
    .monotonic_ms = clock_monotonic_ms,
    .wall_ms = read_wall_clock_ms,
};

static int64_t read_monotonic_ms(const struct engine *engine) {
  return engine->deps.clock->monotonic_ms();
}

static int64_t read_wall_ms(const struct engine *engine) {
  return engine->deps.clock->wall_ms();
}

/* ---- events ---- */

/* Makes the event of one alert and dispatches it. */
static void dispatch_alert(struct engine *engine, struct series_alert *alert) {
  struct alert_event event;
  struct series *series = alert->series;
  int64_t wall_ms = read_wall_ms(engine);
  series_lock(series);
  alert_event_take(alert, engine->deps.silences, wall_ms, &event);
  series_unlock(series);
  bool is_reminder = event.change.cause == ALERT_CAUSE_REMINDER;
  if (event.change.from == event.change.to && !is_reminder) {
    return; /* it changed and changed back since the last turn */
  }
  if (!is_reminder) {
    atomic_fetch_add(&engine->transitions, 1);
  }
  if (alert_cause_is_end(event.change.cause) ||
      (event.change.to == ALERT_OKAY && !(event.change.value > 0))) {
    leak_list_forget(engine->leaks, event.series); /* none is left */
  }
  event_dispatch_deliver(engine->dispatch, &event);
}

/* The series of a queued alert is not freed before its event was made. */
static void dispatch_queued_alerts(struct engine *engine,
                                   struct series_alert *first) {
  while (first != NULL) {
    struct series_alert *next =
        first->next_queued; /* ours until it is dispatched */
    dispatch_alert(engine, first);
    first = next;
  }
}

/* A rule may also change without an event: a series was forgotten, a state
 * restored, another value read, a recovery begun. */
static void refresh_responses(struct engine *engine) {
  const struct alert_event_sink *responses = &engine->deps.responses;
  for (size_t i = 0;
       responses->refresh_rule != NULL && i < engine->rules.named_len; i++) {
    responses->refresh_rule(responses->context, &engine->rules.items[i]);
  }
}

/* At once, and then once an hour while it lasts. */
static void log_rejections(struct engine *engine, int64_t now_ms) {
  struct series_table_counts counts;
  series_table_get_counts(engine->table, &counts);
  bool is_new = counts.rejected > engine->rejected;
  engine->rejected = counts.rejected;
  if (is_new) {
    atomic_store(&engine->rejected_ms, clock_monotonic_ms());
  }
  if (is_new && log_complaint_fail(&engine->rejections, now_ms)) {
    log_write(
        &engine->deps.log, LOG_LEVEL_WARNING,
        "MaxSeries: limit reached with %llu series, or by one host; values "
        "of further series are ignored (%llu values so far); raise "
        "MaxSeries, or find the host that sends them",
        (unsigned long long)counts.series, (unsigned long long)counts.rejected);
  }
}

/* Once: a rule without a series most often has a mistake in its Metric. */
static void log_idle_rules(struct engine *engine, int64_t now_ms) {
  int64_t waited_ms = now_ms - engine->started_ms;
  if (engine->has_logged_idle ||
      waited_ms < IDLE_INTERVALS * engine->deps.interval_ms) {
    return;
  }
  engine->has_logged_idle = true;
  for (size_t i = 0; i < engine->rules.len; i++) {
    bool is_fed = engine->rules.items[i].notification == NULL;
    if (is_fed && rule_is_idle(&engine->rules.items[i])) {
      log_write(&engine->deps.log, LOG_LEVEL_NOTICE,
                "rule \"%s\": no series for %lld s; check its Metric, and that "
                "the plugin is loaded",
                engine->rules.items[i].name, (long long)(waited_ms / 1000));
    }
  }
}

bool engine_wait_and_dispatch(struct engine *engine, int wait_ms) {
  bool is_stopping = false;
  struct series_alert *changed =
      change_queue_take_all(&engine->queue, wait_ms, &is_stopping);
  atomic_store(&engine->turn_ms, clock_monotonic_ms());
  if (atomic_load(&engine->has_listeners)) {
    event_dispatch_redeliver(engine->dispatch);
  }
  dispatch_queued_alerts(engine, changed);
  event_dispatch_mark_delivered(engine->dispatch);
  refresh_responses(engine);
  int64_t now_ms = read_monotonic_ms(engine);
  series_table_advance_time(engine->table, now_ms, read_wall_ms(engine));
  event_dispatch_deliver_owed(engine->dispatch);
  log_rejections(engine, now_ms);
  log_idle_rules(engine, now_ms);
  event_dispatch_rewrite_if_grown(engine->dispatch, is_stopping);
  if (engine->deps.silences != NULL) {
    silences_rewrite_if_due(engine->deps.silences, read_wall_ms(engine));
  }
  return !is_stopping;
}

static void *run_engine(void *argument) {
  struct engine *engine = argument;
  while (engine_wait_and_dispatch(engine, TICK_MS)) {
  }
  return NULL;
}

/* ---- life ---- */

/* The first tick gives the table its time, which it needs before any value. */
static int make_engine_table(struct engine *engine, struct error *error) {
  const struct resource_alert_options *options = engine->deps.options;
  const struct series_table_limits limits = {
      .series_max = (uint64_t)options->max_series,
      .host = engine->deps.host,
      .missing_intervals = engine->deps.missing_intervals,
      .forget_ms = (int64_t)(options->forget_s * 1000),
  };
  int code = rules_init(&engine->rules, &options->rules, error);
  if (code != 0) {
    return code;
  }
  code =
      series_table_new(&engine->rules, &limits, &engine->queue, &engine->table);
  if (code != 0) {
    return error_set(error, code, "series table: %s", strerror(-code));
  }
  series_table_advance_time(engine->table, read_monotonic_ms(engine),
                            read_wall_ms(engine));
  return 0;
}

int engine_open(const struct engine_deps *deps, struct engine **ret_engine,
                struct error *error) {
  struct engine *engine = calloc(1, sizeof(*engine));
  if (engine == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  engine->deps = *deps;
  engine->started_ms = read_monotonic_ms(engine);
  change_queue_init(&engine->queue);
  engine->leaks = leak_list_new();
  int code = engine->leaks == NULL ? error_set(error, -ENOMEM, "out of memory")
                                   : make_engine_table(engine, error);
  if (code == 0) {
    code = event_dispatch_open(deps, engine->table, &engine->queue,
                               &engine->dispatch, error);
  }
  if (code != 0) {
    (void)engine_stop(engine);
    return code;
  }
  *ret_engine = engine;
  return 0;
}

int engine_start(struct engine *engine, struct error *error) {
  atomic_store(&engine->turn_ms, clock_monotonic_ms());
  int code = worker_thread_create_without_signals(&engine->thread, NULL,
                                                  run_engine, engine);
  if (code != 0) {
    return error_set(error, code, "cannot start a thread: %s", strerror(-code));
  }
  engine->is_started = true;
  return 0;
}

bool engine_stop(struct engine *engine) {
  if (engine == NULL) {
    return true;
  }
  change_queue_stop(&engine->queue);
  if (engine->is_started) {
    (void)pthread_join(engine->thread, NULL);
  } else if (engine->dispatch != NULL) {
    (void)engine_wait_and_dispatch(engine, 0); /* the last one */
  }
  if (!event_dispatch_stop(engine->dispatch)) {
    return false; /* the notifications that wait point to our rules */
  }
  series_table_free(engine->table);
  rules_fini(&engine->rules);
  change_queue_fini(&engine->queue);
  leak_list_free(engine->leaks);
  free(engine);
  return true;
}

/* ---- what comes in ---- */

void engine_take_reading(struct engine *engine, const struct reading *reading) {
  series_table_take_reading(engine->table, reading);
}

void engine_take_notification(struct engine *engine,
                              const struct notification *notification) {
  int64_t wall_ms = read_wall_ms(engine);
  series_table_take_notification(engine->table, notification, wall_ms);
  json_t *leak = leak_list_take(engine->leaks, notification, wall_ms);
  bool is_end = notification->severity == NOTIFICATION_OKAY;
  if (leak != NULL && engine->deps.journal != NULL) {
    journal_put(engine->deps.journal, is_end ? "leak_ended" : "leak", leak);
  } else {
    json_decref(leak);
  }
}

/* ---- forgetting ---- */

/* Under its lock. The name of the first data source that matches. */
static bool matches_series(const struct series *series, const char *pattern,
                           char name[SERIES_NAME_BYTES]) {
  for (size_t i = 0; i < series->alerts_len; i++) {
    series_format_name(series, series->alerts[i].source, name,
                       SERIES_NAME_BYTES);
    if (glob_matches(pattern, name)) {
      return true;
    }
  }
  return false;
}

size_t engine_forget_series(struct engine *engine, const char *pattern,
                            json_t *names) {
  size_t forgotten = 0;
  struct series *series;
  struct series_cursor cursor = {0};
  while ((series = series_table_lock_next(engine->table, &cursor)) != NULL) {
    char name[SERIES_NAME_BYTES];
    bool is_match = matches_series(series, pattern, name);
    if (is_match) {
      series_table_forget_locked(engine->table, series,
                                 read_monotonic_ms(engine),
                                 read_wall_ms(engine));
    }
    series_unlock(series);
    if (is_match && forgotten++ < ENGINE_FORGOTTEN_NAMES) {
      (void)json_array_append_new(names, json_util_from_text(name));
    }
  }
  return forgotten;
}

/* ---- the engine's own metrics ---- */

/* RULE/alert_state: the worst over the rule's series. */
static void publish_rule_states(const struct engine *engine,
                                const struct sample_sink *sink) {
  for (size_t i = 0; i < engine->rules.named_len; i++) {
    const struct rule *rule = &engine->rules.items[i];
    sample_put_gauge(sink, rule->name, "alert_state", "",
                     alert_state_gauge(rule_worst_state(rule)));
  }
}

struct state_of_rule {
  const char *rule; /* lives as long as the rules */
  double state;
  char instance[READING_NAME_BYTES];
};

/* Copies up to ALERTS_MAX states. Under the series' lock. Returns how many. */
static size_t copy_alert_states(const struct series *series, const char *host,
                                struct state_of_rule *states) {
  struct reading_names names;
  size_t len = 0;
  series_key_unpack_names(series->key, &names);
  if (strcmp(names.plugin, "resource_alert") == 0) {
    return 0; /* each would make another one */
  }
  for (size_t i = 0; i < series->alerts_len && len < ALERTS_MAX; i++) {
    const struct series_alert *alert = &series->alerts[i];
    if (alert->rule->is_stock) {
      continue; /* its name cannot be part of a value's name */
    }
    states[len].rule = alert->rule->name;
    states[len].state = alert_state_gauge((enum alert_state)alert->alert.state);
    alert_event_format_instance(series, alert->source, host,
                                states[len].instance,
                                sizeof(states[len].instance));
    len++;
  }
  return len;
}

/* RULE/alert_state-SERIES. No lock is held while a sample is put. */
static void publish_series_states(const struct engine *engine,
                                  const struct sample_sink *sink) {
  struct state_of_rule states[ALERTS_MAX];
  struct series *series;
  struct series_cursor cursor = {0};
  while ((series = series_table_lock_next(engine->table, &cursor)) != NULL) {
    size_t len = copy_alert_states(series, engine->deps.host, states);
    series_unlock(series);
    for (size_t i = 0; i < len; i++) {
      sample_put_gauge(sink, states[i].rule, "alert_state", states[i].instance,
                       states[i].state);
    }
  }
}

void engine_get_counts(struct engine *engine, struct engine_counts *ret) {
  *ret = (struct engine_counts){
      .transitions = atomic_load(&engine->transitions),
      .notifications_waiting = event_dispatch_count_waiting(engine->dispatch),
      .notifications_dropped = event_dispatch_count_dropped(engine->dispatch),
  };
  series_table_get_counts(engine->table, &ret->table);
  if (engine->deps.journal != NULL) {
    journal_get_counts(engine->deps.journal, &ret->journal);
  }
}

static void publish_engine_counts(struct engine *engine,
                                  const struct sample_sink *sink) {
  struct engine_counts counts;
  struct series_table_work work;
  engine_get_counts(engine, &counts);
  series_table_get_work(engine->table, &work);
  sample_put_gauge(sink, "", "gauge", "series", (double)counts.table.series);
  sample_put_gauge(sink, "", "gauge", "watched", (double)counts.table.watched);
  sample_put_derive(sink, "", "derive", "rejected",
                    (int64_t)counts.table.rejected);
  sample_put_derive(sink, "", "derive", "transitions",
                    (int64_t)counts.transitions);
  sample_put_derive(sink, "", "derive", "dropped_notifications",
                    (int64_t)counts.notifications_dropped);
  sample_put_derive(sink, "", "derive", "evaluations", (int64_t)work.evaluated);
  if (work.duration_ns > 0) {
    sample_put_gauge(sink, "", "duration", "evaluation",
                     (double)work.duration_ns / 1e9);
  }
}

void engine_publish(struct engine *engine, const struct sample_sink *sink) {
  atomic_store(&engine->has_listeners, true); /* the daemon reads */
  publish_rule_states(engine, sink);
  publish_engine_counts(engine, sink);
  if (engine->deps.options->publishes_series) {
    publish_series_states(engine, sink);
  }
}

/* ---- for the status ---- */

void engine_report_problems(struct engine *engine,
                            const struct log_sink *sink) {
  int64_t now_ms = clock_monotonic_ms();
  int64_t turn_ms = now_ms - atomic_load(&engine->turn_ms);
  if (engine->is_started && turn_ms > STUCK_MS) {
    log_write(sink, LOG_LEVEL_ERROR,
              "engine: its thread has hung for %lld s; no notifications are "
              "sent and no missing series are found",
              (long long)turn_ms / 1000);
  }
  event_dispatch_report_problems(engine->dispatch, sink);
  if (engine->deps.journal != NULL &&
      !journal_is_saving(engine->deps.journal)) {
    log_write(sink, LOG_LEVEL_WARNING, "journal: cannot be written");
  }
  if (engine->deps.silences != NULL &&
      !silences_is_saving(engine->deps.silences)) {
    log_write(sink, LOG_LEVEL_WARNING, "silences: cannot be saved");
  }
  int64_t rejected_ms = atomic_load(&engine->rejected_ms);
  if (rejected_ms != 0 && now_ms - rejected_ms < REFUSED_MS) {
    log_write(sink, LOG_LEVEL_WARNING,
              "MaxSeries: values of further series were ignored");
  }
}

struct leak_list *engine_leaks(struct engine *engine) {
  return engine->leaks;
}

struct series_table *engine_table(struct engine *engine) {
  return engine->table;
}

const struct rules *engine_rules(const struct engine *engine) {
  return &engine->rules;
}

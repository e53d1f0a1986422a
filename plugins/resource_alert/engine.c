/* SPDX-License-Identifier: MIT */
/* engine: the threshold table at work. The write threads judge and queue what
 * changed; one thread here announces it and lets time pass. */
#include "resource_alert/engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/worker_thread.h"
#include "resource_alert/alerts/changes.h"
#include "resource_alert/alerts/table.h"
#include "resource_alert/event/announcement.h"
#include "resource_alert/event/publish.h"
#include "resource_alert/journal.h"
#include "resource_alert/rules/rule.h"
#include "resource_alert/status/status_rules.h"
#include "resource_alert/teller.h"

#define TICK_MS 250
#define IDLE_INTERVALS 3 /* before a rule without a series is named */

struct engine {
  struct engine_deps deps;
  struct rules rules;
  struct changes changes;
  struct table *table;
  struct teller *teller;
  pthread_t thread;
  bool is_started;

  enum alert_state *worst; /* of each rule, as it was told to the responses */
  struct complaint refusals;
  uint64_t refused;
  int64_t started_ms;
  bool has_named_idle;
  _Atomic uint64_t transitions;
  _Atomic bool is_listened; /* all plugins of the daemon are initialized */
};

static int64_t real_wall_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct engine_clock engine_real_clock = {
    .monotonic_ms = clock_monotonic_ms,
    .wall_ms = real_wall_ms,
};

static int64_t now_ms_of(const struct engine *engine) {
  return engine->deps.clock->monotonic_ms();
}

static int64_t wall_ms_of(const struct engine *engine) {
  return engine->deps.clock->wall_ms();
}

/* ---- announcing ---- */

static void tell_responses(struct engine *engine, size_t rule) {
  enum alert_state worst = rule_worst(&engine->rules.items[rule]);
  if (rule < engine->rules.named_len && worst != engine->worst[rule]) {
    engine->worst[rule] = worst;
    responses_rule_changed(engine->deps.responses, rule, worst);
  }
}

static void announce(struct engine *engine, struct watch *watch) {
  struct announcement announcement;
  struct series *series = watch->series;
  series_lock(series);
  announcement_take(watch, &announcement);
  series_unlock(series);
  bool is_reminder = announcement.cause == ALERT_CAUSE_REMINDER;
  if (announcement.from == announcement.to && !is_reminder) {
    return; /* there and back before anybody looked */
  }
  if (!is_reminder) {
    atomic_fetch_add(&engine->transitions, 1);
  }
  teller_record(engine->teller, &announcement);
  tell_responses(engine, announcement.rule->index); /* before what may wait */
  teller_tell(engine->teller, &announcement);
}

static void announce_all(struct engine *engine, struct watch *first) {
  while (first != NULL) {
    struct watch *next = first->next_changed; /* ours until it is taken */
    announce(engine, first);
    first = next;
  }
}

static void complain_of_refusals(struct engine *engine, int64_t now_ms) {
  struct table_counts counts;
  table_get_counts(engine->table, &counts);
  bool is_new = counts.refused > engine->refused;
  engine->refused = counts.refused;
  if (is_new && complaint_fail(&engine->refusals, now_ms)) {
    log_write(&engine->deps.log, LOG_LEVEL_WARNING,
              "%llu series are known; no room for more: %llu value(s) were not "
              "looked at; raise MaxSeries",
              (unsigned long long)counts.series,
              (unsigned long long)counts.refused);
  }
}

/* Once: a rule that nothing feeds is most often a mistake in its Metric. */
static void name_idle_rules(struct engine *engine, int64_t now_ms) {
  int64_t waited_ms = now_ms - engine->started_ms;
  if (engine->has_named_idle ||
      waited_ms < IDLE_INTERVALS * engine->deps.interval_ms) {
    return;
  }
  engine->has_named_idle = true;
  for (size_t i = 0; i < engine->rules.len; i++) {
    bool is_fed = engine->rules.items[i].notification == NULL;
    if (is_fed && rule_is_idle(&engine->rules.items[i])) {
      log_write(&engine->deps.log, LOG_LEVEL_NOTICE,
                "rule \"%s\": no series for %lld s; is its plugin loaded, its "
                "Metric right?",
                engine->rules.items[i].name, (long long)(waited_ms / 1000));
    }
  }
}

bool engine_turn(struct engine *engine, int wait_ms) {
  bool is_stopping = false;
  struct watch *changed =
      changes_take_all(&engine->changes, wait_ms, &is_stopping);
  if (atomic_load(&engine->is_listened)) {
    teller_tell_recalled(engine->teller);
  }
  announce_all(engine, changed);
  teller_mark(engine->teller);
  for (size_t i = 0; i < engine->rules.named_len; i++) {
    tell_responses(engine, i);
  }
  int64_t now_ms = now_ms_of(engine);
  int64_t wall_ms = wall_ms_of(engine);
  table_tick(engine->table, now_ms, wall_ms);
  complain_of_refusals(engine, now_ms);
  name_idle_rules(engine, now_ms);
  teller_keep_all(engine->teller, engine->table, is_stopping);
  return !is_stopping;
}

static void *run(void *argument) {
  struct engine *engine = argument;
  while (engine_turn(engine, TICK_MS)) {
  }
  return NULL;
}

/* ---- life ---- */

static int make_table(struct engine *engine, struct error *error) {
  const struct resource_alert_options *options = engine->deps.options;
  const struct table_limits limits = {
      .series_max = (uint64_t)options->max_series,
      .missing_intervals = engine->deps.missing_intervals,
      .forget_ms = (int64_t)(options->forget_s * 1000),
  };
  const struct rules_source source = resource_alert_rules_source(options);
  int code = rules_init(&engine->rules, &source, error);
  if (code != 0) {
    return code;
  }
  engine->worst = calloc(engine->rules.len + 1, sizeof(*engine->worst));
  if (engine->worst == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  code = table_new(&engine->rules, &limits, &engine->changes, &engine->table);
  if (code != 0) {
    return error_set(error, code, "table: %s", strerror(-code));
  }
  table_tick(engine->table, now_ms_of(engine), wall_ms_of(engine));
  return 0;
}

static int make_teller(struct engine *engine, struct error *error) {
  const struct engine_deps *deps = &engine->deps;
  const struct teller_deps teller_deps = {
      .state_dir = deps->options->state_dir,
      .monotonic_ms = deps->clock->monotonic_ms,
      .wall_ms = deps->clock->wall_ms,
      .log = deps->log,
      .notifications = deps->notifications,
      .journal = deps->journal,
      .silences = deps->silences,
      .changes = &engine->changes,
  };
  return teller_new(&teller_deps, engine->table, deps->find_type,
                    &engine->teller, error);
}

int engine_new(const struct engine_deps *deps, struct engine **ret_engine,
               struct error *error) {
  struct engine *engine = calloc(1, sizeof(*engine));
  if (engine == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  engine->deps = *deps;
  engine->started_ms = now_ms_of(engine);
  changes_init(&engine->changes);
  int code = make_table(engine, error);
  if (code == 0) {
    code = make_teller(engine, error);
  }
  if (code != 0) {
    (void)engine_stop(engine);
    return code;
  }
  *ret_engine = engine;
  return 0;
}

int engine_start(struct engine *engine, struct error *error) {
  int code = worker_thread_create(&engine->thread, NULL, run, engine);
  if (code != 0) {
    return error_set(error, code, "no thread: %s", strerror(-code));
  }
  engine->is_started = true;
  return 0;
}

bool engine_stop(struct engine *engine) {
  if (engine == NULL) {
    return true;
  }
  changes_stop(&engine->changes);
  if (engine->is_started) {
    (void)pthread_join(engine->thread, NULL);
  } else if (engine->teller != NULL) {
    (void)engine_turn(engine, 0); /* the last one */
  }
  if (!teller_stop(engine->teller)) {
    return false; /* what waits there points to our rules */
  }
  table_free(engine->table);
  rules_fini(&engine->rules);
  changes_fini(&engine->changes);
  free(engine->worst);
  free(engine);
  return true;
}

void engine_hear(struct engine *engine,
                 const struct notification *notification) {
  table_hear(engine->table, notification, wall_ms_of(engine));
}

void engine_take(struct engine *engine, const struct reading *reading) {
  table_take(engine->table, reading);
}

struct table *engine_table(struct engine *engine) {
  return engine->table;
}

void engine_publish(struct engine *engine, const struct sample_sink *sink) {
  atomic_store(&engine->is_listened, true); /* the daemon reads */
  struct publish_counts counts = {
      .transitions = atomic_load(&engine->transitions),
      .dropped = teller_dropped(engine->teller),
  };
  table_get_counts(engine->table, &counts.table);
  table_get_work(engine->table, &counts.work);
  publish_rules(&engine->rules, sink);
  publish_counts(&counts, sink);
  if (engine->deps.options->publishes_series) {
    publish_series(engine->table, engine->deps.host, sink);
  }
}

json_t *engine_tell_rules(struct engine *engine) {
  return status_rules(&engine->rules, engine->table);
}

json_t *engine_tell_counts(struct engine *engine) {
  struct table_counts counts;
  table_get_counts(engine->table, &counts);
  struct journal_counts journal = {0};
  if (engine->deps.journal != NULL) {
    journal_get_counts(engine->deps.journal, &journal);
  }
  return json_pack(
      "{sI sI sI sI sI sI sI sI}", "series", (json_int_t)counts.series,
      "watched", (json_int_t)counts.watched, "values_refused",
      (json_int_t)counts.refused, "transitions",
      (json_int_t)atomic_load(&engine->transitions), "notifications_waiting",
      (json_int_t)teller_waiting(engine->teller), "notifications_dropped",
      (json_int_t)teller_dropped(engine->teller), "journal_lines_waiting",
      (json_int_t)journal.waiting, "journal_lines_lost",
      (json_int_t)journal.lost);
}

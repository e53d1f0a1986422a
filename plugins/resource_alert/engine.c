/* SPDX-License-Identifier: MIT */
/* engine: the threshold table at work. The write threads judge and queue what
 * changed; one thread here announces it and lets time pass. */
#include "resource_alert/engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/complaint.h"
#include "core/deadline.h"
#include "resource_alert/event/announcement.h"
#include "resource_alert/event/notifier.h"
#include "resource_alert/event/publish.h"
#include "resource_alert/journal.h"
#include "resource_alert/status/status_rows.h"
#include "resource_alert/table/changes.h"
#include "resource_alert/table/rows.h"
#include "resource_alert/table/table.h"

#define TICK_MS 250
#define IDLE_INTERVALS 3 /* before a row without a series is named */

struct engine {
  struct engine_site site;
  struct rows rows;
  struct changes changes;
  struct table *table;
  struct notifier *notifier;
  struct state_file *state_file; /* NULL: nothing is kept */
  pthread_t thread;
  bool is_started;

  enum alert_state *worst; /* of each row, as it was told to the responses */
  struct complaint refusals;
  uint64_t refused;
  int64_t started_ms;
  bool has_named_idle;
  _Atomic uint64_t transitions;
};

static int64_t real_wall_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct engine_clock engine_real_clock = {
    .monotonic_ms = monotonic_ms,
    .wall_ms = real_wall_ms,
};

static int64_t now_ms_of(const struct engine *engine) {
  return engine->site.clock->monotonic_ms();
}

static int64_t wall_ms_of(const struct engine *engine) {
  return engine->site.clock->wall_ms();
}

/* ---- announcing ---- */

static void tell_responses(struct engine *engine, size_t row) {
  enum alert_state worst = row_worst(&engine->rows.items[row]);
  if (row < engine->rows.named_len && worst != engine->worst[row]) {
    engine->worst[row] = worst;
    responses_row_changed(engine->site.responses, row, worst);
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
  if (engine->state_file != NULL) {
    memory_keep(engine->state_file, &announcement, now_ms_of(engine),
                wall_ms_of(engine));
  }
  if (engine->site.journal != NULL) {
    journal_put(engine->site.journal, "state",
                announcement_to_json(&announcement));
  }
  tell_responses(engine, announcement.row->index); /* before what may wait */
  if (!announcement.is_loud) {
    return;
  }
  char verdict[REPORT_LINE_BYTES];
  announcement_format_verdict(&announcement, verdict, sizeof(verdict));
  report(&engine->site.log,
         announcement.to == ALERT_OKAY ? REPORT_NOTICE : REPORT_WARNING, "%s",
         verdict);
  bool is_known = announcement.row->notification != NULL; /* to all who hear */
  if (!is_known &&
      !silences_cover(engine->site.silences, announcement.row->name,
                      announcement.series, wall_ms_of(engine))) {
    notifier_put(engine->notifier, &announcement);
  }
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
    report(&engine->site.log, REPORT_WARNING,
           "%llu series are known; no room for more: %llu value(s) were not "
           "looked at; raise MaxSeries",
           (unsigned long long)counts.series,
           (unsigned long long)counts.refused);
  }
}

/* Once: a row that nothing feeds is most often a mistake in its Metric. */
static void name_idle_rows(struct engine *engine, int64_t now_ms) {
  int64_t waited_ms = now_ms - engine->started_ms;
  if (engine->has_named_idle ||
      waited_ms < IDLE_INTERVALS * engine->site.interval_ms) {
    return;
  }
  engine->has_named_idle = true;
  for (size_t i = 0; i < engine->rows.len; i++) {
    bool is_fed = engine->rows.items[i].notification == NULL;
    if (is_fed && row_is_idle(&engine->rows.items[i])) {
      report(&engine->site.log, REPORT_NOTICE,
             "row \"%s\": no series for %lld s; is its plugin loaded, its "
             "Metric right?",
             engine->rows.items[i].name, (long long)(waited_ms / 1000));
    }
  }
}

bool engine_turn(struct engine *engine, int wait_ms) {
  bool is_stopping = false;
  struct watch *changed =
      changes_take_all(&engine->changes, wait_ms, &is_stopping);
  announce_all(engine, changed);
  for (size_t i = 0; i < engine->rows.named_len; i++) {
    tell_responses(engine, i);
  }
  int64_t now_ms = now_ms_of(engine);
  int64_t wall_ms = wall_ms_of(engine);
  table_tick(engine->table, now_ms, wall_ms);
  complain_of_refusals(engine, now_ms);
  name_idle_rows(engine, now_ms);
  if (engine->state_file != NULL &&
      (is_stopping || state_file_wants_rewrite(engine->state_file, now_ms))) {
    memory_rewrite(engine->state_file, engine->table, now_ms, wall_ms);
  }
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
  const struct resource_alert_options *options = engine->site.options;
  const struct table_limits limits = {
      .series_max = (uint64_t)options->max_series,
      .missing_intervals = engine->site.missing_intervals,
      .forget_ms = (int64_t)(options->forget_s * 1000),
  };
  const struct rows_source source = resource_alert_rows_source(options);
  int code = rows_init(&engine->rows, &source, error);
  if (code != 0) {
    return code;
  }
  engine->worst = calloc(engine->rows.len + 1, sizeof(*engine->worst));
  if (engine->worst == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  code = table_new(&engine->rows, &limits, &engine->changes, &engine->table);
  if (code != 0) {
    return error_set(error, code, "table: %s", strerror(-code));
  }
  table_tick(engine->table, now_ms_of(engine), wall_ms_of(engine));
  return 0;
}

static int recall(struct engine *engine, struct error *error) {
  const char *directory = engine->site.options->state_dir;
  if (directory == NULL) {
    return 0;
  }
  int code = state_file_new(directory, &engine->site.log, &engine->state_file);
  if (code != 0) {
    return error_set(error, code, "out of memory");
  }
  int64_t now_ms = now_ms_of(engine);
  int64_t wall_ms = wall_ms_of(engine);
  memory_recall(engine->state_file, engine->table, engine->site.find_type,
                now_ms, wall_ms);
  memory_rewrite(engine->state_file, engine->table, now_ms, wall_ms);
  return 0;
}

int engine_new(const struct engine_site *site, struct engine **ret_engine,
               struct error *error) {
  struct engine *engine = calloc(1, sizeof(*engine));
  if (engine == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  engine->site = *site;
  engine->started_ms = now_ms_of(engine);
  changes_init(&engine->changes);
  int code = make_table(engine, error);
  if (code == 0) {
    code = recall(engine, error);
  }
  if (code == 0) {
    code = notifier_new(&engine->site.notices, &engine->notifier, error);
  }
  if (code != 0) {
    (void)engine_stop(engine);
    return code;
  }
  *ret_engine = engine;
  return 0;
}

int engine_start(struct engine *engine, struct error *error) {
  int code = pthread_create(&engine->thread, NULL, run, engine);
  if (code != 0) {
    return error_set(error, -code, "no thread: %s", strerror(code));
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
  } else if (engine->notifier != NULL) {
    (void)engine_turn(engine, 0); /* the last one */
  }
  if (!notifier_free(engine->notifier)) {
    return false; /* what waits there points to our rows */
  }
  state_file_free(engine->state_file);
  table_free(engine->table);
  rows_fini(&engine->rows);
  changes_fini(&engine->changes);
  free(engine->worst);
  free(engine);
  return true;
}

void engine_hear(struct engine *engine, const struct notice *notice) {
  table_hear(engine->table, notice, wall_ms_of(engine));
}

void engine_take(struct engine *engine, const struct reading *reading) {
  table_take(engine->table, reading);
}

struct table *engine_table(struct engine *engine) {
  return engine->table;
}

void engine_publish(struct engine *engine, const struct sample_sink *sink) {
  struct publish_counts counts = {
      .transitions = atomic_load(&engine->transitions),
      .dropped = notifier_dropped(engine->notifier),
  };
  table_get_counts(engine->table, &counts.table);
  table_get_work(engine->table, &counts.work);
  publish_rows(&engine->rows, sink);
  publish_counts(&counts, sink);
  if (engine->site.options->publishes_series) {
    publish_series(engine->table, engine->site.host, sink);
  }
}

json_t *engine_tell_rows(struct engine *engine) {
  return status_rows(&engine->rows, engine->table);
}

json_t *engine_tell_counts(struct engine *engine) {
  struct table_counts counts;
  table_get_counts(engine->table, &counts);
  struct journal_counts journal = {0};
  if (engine->site.journal != NULL) {
    journal_get_counts(engine->site.journal, &journal);
  }
  return json_pack(
      "{sI sI sI sI sI sI sI sI}", "series", (json_int_t)counts.series,
      "watched", (json_int_t)counts.watched, "values_refused",
      (json_int_t)counts.refused, "transitions",
      (json_int_t)atomic_load(&engine->transitions), "notifications_waiting",
      (json_int_t)notifier_waiting(engine->notifier), "notifications_dropped",
      (json_int_t)notifier_dropped(engine->notifier), "journal_lines_waiting",
      (json_int_t)journal.waiting, "journal_lines_lost",
      (json_int_t)journal.lost);
}

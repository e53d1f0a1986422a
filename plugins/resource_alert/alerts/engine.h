/* SPDX-License-Identifier: MIT */
/* engine: readings in; alert events and the rules' worst states out. */
#pragma once

#include "core/error.h"
#include "core/log.h"
#include "core/metric.h"
#include "core/notification.h"
#include "resource_alert/alerts/alert_event.h"
#include "resource_alert/alerts/alert_state_file.h"
#include "resource_alert/alerts/leak_list.h"
#include "resource_alert/alerts/series_table.h"
#include "resource_alert/alerts/silence.h"
#include "resource_alert/journal.h"
#include "resource_alert/options.h"

struct engine;

/* Milliseconds; any thread. */
struct engine_clock {
  int64_t (*monotonic_ms)(void);
  int64_t (*wall_ms)(void); /* since the epoch; may be set back and forth */
};

extern const struct engine_clock engine_real_clock;

/* All borrowed until engine_stop() has returned. */
struct engine_deps {
  const struct engine_clock *clock;
  const struct resource_alert_options *options;
  const char *host;         /* collectd's name for this machine */
  int64_t interval_ms;      /* the daemon's own */
  double missing_intervals; /* without a reading: the series stopped */
  alert_find_type *find_type;
  struct log_sink log;
  struct notification_sink notifications; /* called from a thread of its own */
  struct alert_event_sink responses;      /* called from the engine's thread */
  struct journal *journal;                /* NULL: none */
  struct silences *silences;              /* NULL: none */
};

/* Makes the table and restores the saved states; for the init callback, since
 * config callbacks run before collectd forks.
 * *ret_engine: yours, engine_stop(). Returns 0 or negative errno. */
int engine_open(const struct engine_deps *deps, struct engine **ret_engine,
                struct error *error);

/* Starts the thread that calls engine_wait_and_dispatch() in a loop. Returns 0
 * or negative errno; then engine_stop() is still to be called. */
int engine_start(struct engine *engine, struct error *error);

/* One turn: waits for at most wait_ms for a change, dispatches the events of
 * all that changed and lets time pass. For one thread: the engine's own, or
 * that of a test that sets the clock. Returns false after the last one. */
bool engine_wait_and_dispatch(struct engine *engine, int wait_ms);

/* Dispatches what changed, ends the threads and frees all. No reading may come
 * any more. Accepts NULL. Returns false if a notification plugin hangs and its
 * thread is abandoned: then the deps must stay. */
bool engine_stop(struct engine *engine);

/* Judges one reading. Any thread, never blocks. */
void engine_take_reading(struct engine *engine, const struct reading *reading);

/* Evaluates a notification of another plugin by the <Notification> rules that
 * match it, and keeps the leaks that it reports. Any thread, never blocks. */
void engine_take_notification(struct engine *engine,
                              const struct notification *notification);

/* Puts RULE/alert_state for each rule and, unless switched off, for each of its
 * series, and the engine's own counters: gauge-series, gauge-watched,
 * derive-rejected, derive-transitions, derive-dropped_notifications,
 * derive-evaluations, duration-evaluation. Any thread but one at a time. */
void engine_publish(struct engine *engine, const struct sample_sink *sink);

/* Writes a line for each thing that does not work: LOG_LEVEL_ERROR if alerts do
 * not, LOG_LEVEL_WARNING if something is not saved or refused. Any thread. */
void engine_report_problems(struct engine *engine, const struct log_sink *sink);

/* Forgets the series whose names match PATTERN, a glob: their alerts end, also
 * for those who were notified. Adds their names to the array NAMES, at most
 * ENGINE_FORGOTTEN_NAMES of them. Returns how many there were. Any thread. */
#define ENGINE_FORGOTTEN_NAMES 100
size_t engine_forget_series(struct engine *engine, const char *pattern,
                            json_t *names);

/* For the status. */
struct leak_list *engine_leaks(struct engine *engine);

/* For the status: series_table_lock_next(), series_table_get_counts(). */
struct series_table *engine_table(struct engine *engine);
const struct rules *engine_rules(const struct engine *engine);

struct engine_counts {
  struct series_table_counts table;
  uint64_t transitions; /* changes of state */
  size_t notifications_waiting;
  uint64_t notifications_dropped;
  struct journal_counts journal;
};

/* Any thread. */
void engine_get_counts(struct engine *engine, struct engine_counts *ret);

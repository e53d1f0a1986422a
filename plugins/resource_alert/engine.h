/* SPDX-License-Identifier: MIT */
/* engine: the threshold table at work: readings in; verdicts, journal lines,
 * notifications and the rules' worst states out. */
#ifndef RESOURCE_ALERT_ENGINE_H
#define RESOURCE_ALERT_ENGINE_H

#include <jansson.h>

#include "core/error.h"
#include "core/log.h"
#include "core/metric.h"
#include "core/notification.h"
#include "resource_alert/event/memory.h"
#include "resource_alert/options.h"
#include "resource_alert/responses/responses.h"
#include "resource_alert/status/silence.h"

struct engine;
struct table;

/* Milliseconds, as often as the engine asks; any thread. */
struct engine_clock {
  int64_t (*monotonic_ms)(void);
  int64_t (*wall_ms)(void); /* since the epoch; may be set back and forth */
};

extern const struct engine_clock engine_real_clock;

/* What the engine lives on. All borrowed until engine_stop() has returned. */
struct engine_deps {
  const struct engine_clock *clock;
  const struct resource_alert_options *options;
  const char *host;         /* collectd's name for this machine */
  int64_t interval_ms;      /* the daemon's own */
  double missing_intervals; /* without a reading: the series stopped */
  memory_find_type *find_type;
  struct log_sink log;
  struct notification_sink
      notifications;           /* called from a thread of the engine's own */
  struct journal *journal;     /* NULL: none */
  struct responses *responses; /* NULL: none */
  struct silences *silences;   /* NULL: none */
};

/* Makes the table and takes up what was kept; for the init callback, since
 * config callbacks run before collectd forks.
 * *ret_engine: yours, engine_stop(). Returns 0 or negative errno. */
int engine_new(const struct engine_deps *deps, struct engine **ret_engine,
               struct error *error);

/* Starts the thread that takes one turn after the other. Returns 0 or negative
 * errno; then engine_stop() is still to be called. */
int engine_start(struct engine *engine, struct error *error);

/* One turn: waits for at most wait_ms for a change, announces what changed and
 * lets time pass. For one thread: the engine's own, or that of a test that
 * turns its clock. Returns false once it was the last one. */
bool engine_turn(struct engine *engine, int wait_ms);

/* Announces what changed, ends the threads and frees all. No reading may come
 * any more. Accepts NULL. Returns false if a notification plugin hangs in a
 * thread that must be left behind: then the deps must stay. */
bool engine_stop(struct engine *engine);

/* Judges one reading. Any thread, never blocks. */
void engine_take(struct engine *engine, const struct reading *reading);

/* Hands a notification of another plugin to the rules that want it. Any thread,
 * never blocks. */
void engine_hear(struct engine *engine,
                 const struct notification *notification);

/* The table, for those who show it: table_lock_next(), table_get_counts(). */
struct table *engine_table(struct engine *engine);

/* Puts ROW/alert_state for each rule and, unless switched off, for each of its
 * series, and the engine's own counters. Any thread but one at a time. */
void engine_publish(struct engine *engine, const struct sample_sink *sink);

/* For the status: the table as status_rules() tells it, and the counters. Any
 * thread. Yours; NULL without memory. */
json_t *engine_tell_rules(struct engine *engine);
json_t *engine_tell_counts(struct engine *engine);

#endif

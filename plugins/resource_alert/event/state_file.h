/* SPDX-License-Identifier: MIT */
/* state_file: alert states over a restart, kill -9 included: one JSON object a
 * line, rewritten when it has grown.
 *
 * A change is appended, with what is to be said of it, before anybody is told;
 * a mark behind it once everybody was. What a kill leaves without its mark is
 * told after the restart: twice only where the kill fell between the telling
 * and the mark. */
#ifndef RESOURCE_ALERT_EVENT_STATE_FILE_H
#define RESOURCE_ALERT_EVENT_STATE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "core/metric.h"
#include "resource_alert/alert_state.h"
#include "resource_alert/alerts/alert.h"
#include "resource_alert/event/untold.h"

/* What is to be said of a change besides the alert it led to. */
struct stored_change {
  uint64_t number; /* rises from one to the next; not 0 */
  enum alert_state from;
  enum alert_cause cause;
  double value;
  double limit; /* NaN: none is broken */
  bool is_limit_max;
  bool is_loud;
  unsigned folded;
  int64_t held_ms;
};

/* One alert as it is kept. Strings are borrowed for the call. */
struct stored_alert {
  const char *rule;
  const struct reading_names *names;
  const char *source;
  enum alert_state state;
  bool is_told;
  int64_t since_wall_ms;
  int64_t told_wall_ms;
  int64_t interval_ms;
  const struct stored_change *change; /* NULL: all is told */
};

struct state_file;

/* For DIRECTORY/alerts.jsonl. directory: copied; made (0750) if it is not
 * there. log: borrowed. Nothing is read or written yet.
 * Returns 0 or -ENOMEM; a directory that cannot be written is complained of
 * when it matters. */
int state_file_new(const char *directory, const struct log_sink *log,
                   struct state_file **ret_file);

/* Closes without writing. Accepts NULL. */
void state_file_free(struct state_file *file);

/* Hands every alert of the file to TAKE, oldest first, so that the last one of
 * a rule, series and source counts. What was not told to all, by ret_marks,
 * which are known before, is held on to. A last line without its end, which a
 * kill leaves behind, is passed over. A file that makes no sense, is of a newer
 * version or belongs to somebody else is moved to alerts.jsonl.bad, said, and
 * nothing is taken. */
void state_file_load(struct state_file *file,
                     void (*take)(void *context,
                                  const struct stored_alert *alert),
                     void *context, struct untold_marks *ret_marks);

/* The number for the next change. */
uint64_t state_file_next(const struct state_file *file);

/* Appends one alert, and holds on to its change, if it has one. What cannot be
 * written is said once and made up for by the next rewrite. One thread at a
 * time, as below. */
void state_file_append(struct state_file *file,
                       const struct stored_alert *alert, int64_t now_ms);

/* What is marked as told. */
struct untold_marks state_file_marks(const struct state_file *file);

/* Marks what was told; writes only if that is news. */
void state_file_mark(struct state_file *file, const struct untold_marks *marks,
                     int64_t now_ms);

/* A rewrite: begin, add all alerts there are, end, which adds what is not told
 * yet. The file is replaced as a whole or not at all. */
void state_file_begin(struct state_file *file);
void state_file_add(struct state_file *file, const struct stored_alert *alert);
void state_file_end(struct state_file *file, int64_t now_ms);

/* True if the file should be rewritten now: it grew to more than twice of what
 * there is, at most every 10 s, or something could not be written: then as soon
 * as rewriting in vain would cost little. */
bool state_file_wants_rewrite(const struct state_file *file, int64_t now_ms);

#endif

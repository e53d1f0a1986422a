/* SPDX-License-Identifier: MIT */
/* state_file: alert states over a restart, kill -9 included: one JSON object a
 * line, appended before anybody is told, rewritten when it has grown. */
#ifndef RESOURCE_ALERT_EVENT_STATE_FILE_H
#define RESOURCE_ALERT_EVENT_STATE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/reading.h"
#include "core/report.h"
#include "resource_alert/alert_state.h"

/* One alert as it is kept. Strings are borrowed for the call. */
struct stored_alert {
  const char *row;
  const struct reading_names *names;
  const char *source;
  enum alert_state state;
  bool is_told;
  int64_t since_wall_ms;
  int64_t told_wall_ms;
  int64_t interval_ms;
};

struct state_file;

/* For DIRECTORY/alerts.jsonl. directory: copied; made (0750) if it is not
 * there. log: borrowed. Nothing is read or written yet.
 * Returns 0 or -ENOMEM; a directory that cannot be written is complained of
 * when it matters. */
int state_file_new(const char *directory, const struct report_sink *log,
                   struct state_file **ret_file);

/* Closes without writing. Accepts NULL. */
void state_file_free(struct state_file *file);

/* Hands every alert of the file to TAKE, oldest first, so that the last one of
 * a row, series and source counts. A last line without its end, which a kill
 * leaves behind, is passed over. A file that makes no sense, is of a newer
 * version or belongs to somebody else is moved to alerts.jsonl.bad, said, and
 * nothing is taken. */
void state_file_load(struct state_file *file,
                     void (*take)(void *context,
                                  const struct stored_alert *alert),
                     void *context);

/* Appends one alert. What cannot be written is said once and made up for by
 * the next rewrite. One thread at a time, as below. */
void state_file_append(struct state_file *file,
                       const struct stored_alert *alert, int64_t now_ms);

/* A rewrite: begin, add all alerts there are, end. The file is replaced as a
 * whole or not at all. */
void state_file_begin(struct state_file *file);
void state_file_add(struct state_file *file, const struct stored_alert *alert);
void state_file_end(struct state_file *file, int64_t now_ms);

/* True if the file should be rewritten now: it grew to more than twice of what
 * there is, or something could not be written. At most every 10 s. */
bool state_file_wants_rewrite(const struct state_file *file, int64_t now_ms);

#endif

/* SPDX-License-Identifier: MIT */
/* desired_state: the file that keeps over a restart what each response has
 * engaged: StateDir/responses.jsonl, one JSON object a line, of which the last
 * one of a response counts.
 *
 * It stands between a breach and the act, so a line is appended: that takes
 * microseconds and outlives a kill. To replace a file takes up to 10 ms on
 * ext4, to have it on the disk 4 to 30 ms; both have time until nothing is to
 * be done. */
#ifndef RESOURCE_ALERT_RESPONSE_DESIRED_STATE_H
#define RESOURCE_ALERT_RESPONSE_DESIRED_STATE_H

#include <jansson.h>

#include "core/error.h"
#include "core/report.h"

struct desired_state;

/* Reads the file and writes it anew, without what is out of date. One with a
 * line that makes no sense is moved aside to PATH.bad and said in the log; what
 * stands before that line counts.
 * path: copied; NULL: nothing is kept. log: borrowed.
 * Returns 0 or -ENOMEM; a file that cannot be written is told by
 * desired_state_put(). */
int desired_state_new(const char *path, const struct report_sink *log,
                      struct desired_state **ret, struct error *error);
void desired_state_free(struct desired_state *states); /* accepts NULL */

/* What was kept for a response; NULL: nothing. Yours, json_decref(). */
json_t *desired_state_get(struct desired_state *states, const char *response);

/* Keeps ENTRY, an object (taken), for a response: with the kernel when it
 * returns. Any thread.
 * Returns 0 or a negative errno: then it is kept in memory only, and the next
 * one writes all that there is. */
int desired_state_put(struct desired_state *states, const char *response,
                      json_t *entry, struct error *error);

/* All that was put before is on the disk when it returns. Takes its time and
 * holds up no put, save where the file has grown and is written anew. Any
 * thread. Returns 0 or a negative errno. */
int desired_state_sync(struct desired_state *states, struct error *error);

#endif

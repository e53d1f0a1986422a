/* SPDX-License-Identifier: MIT */
/* response_state_file: the file that keeps over a restart what each response
 * has engaged: StateDir/responses.jsonl, one JSON object a line, of which the
 * last one of a response counts.
 *
 * It stands between a breach and the act, so a line is appended: that takes
 * microseconds and outlives a kill. To have it on the disk takes 4 to 30 ms on
 * ext4, to replace the file, now and then, up to 10 ms more: a thread does
 * both, in which no act waits for it. */
#ifndef RESOURCE_ALERT_RESPONSES_RESPONSE_STATE_FILE_H
#define RESOURCE_ALERT_RESPONSES_RESPONSE_STATE_FILE_H

#include <jansson.h>

#include "core/error.h"
#include "core/log.h"

struct response_state_file;

/* Reads the file and writes it anew, without what is out of date. One with a
 * line that makes no sense is moved aside to PATH.bad and said in the log; what
 * stands before that line counts. Starts the thread.
 * path: copied; NULL: nothing is kept. log: copied; a file that cannot be
 * written is said there once, tried again each second, and said when it works.
 * Returns 0, -ENOMEM or -EAGAIN. */
int response_state_file_open(const char *path, const struct log_sink *log,
                             struct response_state_file **ret,
                             struct error *error);

/* Has all on the disk. One that hangs is waited for 2 s; then all is left
 * to its thread, which is said in the log. Accepts NULL. */
void response_state_file_close(struct response_state_file *states);

/* What was kept for a response; NULL: nothing. Yours, json_decref(). */
json_t *response_state_file_get(struct response_state_file *states,
                                const char *response);

/* Keeps ENTRY, an object (taken; NULL when memory is short), for a response:
 * with the kernel when it returns, on the disk after a second. Any thread. */
void response_state_file_put(struct response_state_file *states,
                             const char *response, json_t *entry);

/* All that was put before is on the disk when it returns, if that can be had.
 * Takes its time and holds up no put. Any thread. */
void response_state_file_sync(struct response_state_file *states);

#endif

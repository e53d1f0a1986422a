/* SPDX-License-Identifier: MIT */
/* desired_state: the file that keeps over a restart what each response has
 * engaged: StateDir/responses.json.
 *
 * Many workers put, one of them writes for all that came meanwhile; no lock is
 * held while it does. */
#ifndef RESOURCE_ALERT_RESPONSE_DESIRED_STATE_H
#define RESOURCE_ALERT_RESPONSE_DESIRED_STATE_H

#include <stdbool.h>

#include <jansson.h>

#include "core/error.h"
#include "core/report.h"

struct desired_state;

/* Reads the file. One that makes no sense is moved aside to PATH.bad and said
 * in the log.
 * path: copied; NULL: nothing is kept. log: borrowed.
 * Returns 0 or -ENOMEM. */
int desired_state_new(const char *path, const struct report_sink *log,
                      struct desired_state **ret, struct error *error);
void desired_state_free(struct desired_state *states);

/* What was kept for a response; NULL: nothing. Yours, json_decref(). */
json_t *desired_state_get(struct desired_state *states, const char *response);

/* Keeps ENTRY (taken) for a response and writes the file. is_durable: on the
 * disk when it returns, not only with the kernel.
 * Returns 0 or a negative errno: then it is kept in memory only. Any thread. */
int desired_state_put(struct desired_state *states, const char *response,
                      json_t *entry, bool is_durable, struct error *error);

#endif

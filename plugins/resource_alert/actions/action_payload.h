/* SPDX-License-Identifier: MIT */
/* action_payload: a wish as JSON, the same for everybody who is told of it. */
#ifndef RESOURCE_ALERT_ACTIONS_ACTION_PAYLOAD_H
#define RESOURCE_ALERT_ACTIONS_ACTION_PAYLOAD_H

#include "resource_alert/actions/action.h"

/* "2026-01-31T12:00:00Z" and the like. Units: seconds since the epoch. */
#define ACTION_PAYLOAD_TIME_BYTES 32
void action_payload_format_time(int64_t time_s,
                                char text[ACTION_PAYLOAD_TIME_BYTES]);

/* The document that hooks and webhooks get:
 *   {"version": 1, "event": "engage" or "release", "response": NAME,
 *    "host": NAME, "rule": NAME, "state": "WARNING", "level": 2,
 *    "since": TIME, "time": TIME}
 * Returns yours, json_decref(); NULL when memory is short. */
json_t *action_payload_new(const struct action_request *request);

#endif

/* SPDX-License-Identifier: MIT */
/* switch_api: the switches over HTTP: OpenFeature's remote evaluation protocol
 * (OFREP), and /check/NAME for nginx, cron and curl. */
#pragma once

#include <stdbool.h>

#include "resource_alert/status/status.h"

/* Answers POST /ofrep/v1/evaluate/flags[/KEY] and GET, HEAD /check/NAME.
 * Returns false, with REPLY untouched, for any other path. Any thread. */
bool switch_api_handle(const struct status_deps *deps,
                       const struct http_server_request *request,
                       struct http_server_reply *reply);

/* The switches of all responses: an array of {"name", "on", "response",
 * "readers"}. responses: as of responses_to_json(). Yours, json_decref(). */
json_t *switch_api_list(const struct status_deps *deps,
                        const json_t *responses);

/* SPDX-License-Identifier: MIT */
/* status_api: what anyone may read over HTTP: /health, /status and the page. */
#pragma once

#include <jansson.h>

#include "resource_alert/status/http_server.h"
#include "resource_alert/status/snapshot.h"
#include "resource_alert/status/status.h"

/* Sets {"healthy", "worst", "reasons"}: 200, or 503 from the state of
 * UnhealthyAt on. unhealthy: enum status_unhealthy. */
void status_api_set_health(const struct snapshot *snapshot, int unhealthy,
                           struct http_server_reply *reply);

/* The whole status, as the manual describes it. Yours; NULL without memory. */
json_t *status_api_to_json(const struct status_deps *deps,
                           const struct snapshot *snapshot,
                           const struct snapshot_history *history);

/* Sets the page for people, which is built in. */
void status_api_set_page(struct http_server_reply *reply);

/* The page: made from page/ by CMake. */
extern const unsigned char status_api_page[];
extern const size_t status_api_page_bytes;

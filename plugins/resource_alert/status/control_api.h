/* SPDX-License-Identifier: MIT */
/* control_api: the commands that the ControlSocket accepts. */
#pragma once

#include "resource_alert/status/http_server.h"
#include "resource_alert/status/status.h"

/* Handles a POST: a silence, a command to a response. Each one is written to
 * the journal. Returns false, with REPLY untouched, where there is no command
 * with this path. */
bool control_api_handle(const struct status_deps *deps,
                        const struct http_server_request *request,
                        struct http_server_reply *reply);

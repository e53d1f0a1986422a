/* SPDX-License-Identifier: MIT */
/* client: sends requests to the daemon over its ControlSocket. */
#pragma once

#include <jansson.h>

#include "core/error.h"
#include "ctl/command.h"

#define CLIENT_SOCKET "/run/collectd/resource_alert.sock"

/* The entry of a command's flags for the socket. */
#define CLIENT_SOCKET_FLAG                                                     \
  {                                                                            \
    "socket", "PATH",                                                          \
        "the daemon's ControlSocket (default: " CLIENT_SOCKET ")"              \
  }

/* GETs PATH, or POSTs BODY to it (NULL: GET; the reference stays yours).
 * socket: NULL for the default one.
 * Returns the response (yours), or NULL with the reason. */
json_t *client_send_request(const char *socket, const char *path,
                            const json_t *body, struct error *error);

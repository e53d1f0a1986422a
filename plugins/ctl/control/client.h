/* SPDX-License-Identifier: MIT */
/* client: asks the daemon over its ControlSocket. */
#ifndef CTL_CONTROL_CLIENT_H
#define CTL_CONTROL_CLIENT_H

#include <jansson.h>

#include "core/error.h"
#include "ctl/command.h"

#define CLIENT_SOCKET "/run/collectd/resource_alert.sock"

/* The rule of a command's table for the socket. */
#define CLIENT_SOCKET_FLAG                                                     \
  {                                                                            \
    "socket", "PATH",                                                          \
        "the daemon's ControlSocket (default: " CLIENT_SOCKET ")"              \
  }

/* GETs PATH, or POSTs BODY (NULL: GET; not taken) to it.
 * socket: NULL for the default one.
 * Returns the answer (yours), or NULL with one sentence that says why. */
json_t *client_ask(const char *socket, const char *path, const json_t *body,
                   struct error *error);

#endif

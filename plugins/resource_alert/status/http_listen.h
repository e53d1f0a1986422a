/* SPDX-License-Identifier: MIT */
/* http_listen: sockets that listen, and their addresses in the options. */
#pragma once

#include "core/error.h"

/* Both for the option tables. Return 0 or -EINVAL with the reason: not
 * ADDRESS:PORT with a numeric address; not an absolute path, or too long. */
int http_listen_check_address(const char *text, struct error *error);
int http_listen_check_socket_path(const char *path, struct error *error);

/* A socket that listens there. Returns a descriptor (yours) or negative
 * errno. */
int http_listen_tcp(const char *address, struct error *error);

/* A unix socket at PATH, mode 0600, or 0660 with GROUP (NULL: none). Replaces
 * the socket of a process that died; -EADDRINUSE if a process still uses it,
 * -EEXIST if PATH is another kind of file.
 * Returns a descriptor (yours) or negative errno. */
int http_listen_unix(const char *path, const char *group, struct error *error);

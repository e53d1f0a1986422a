/* SPDX-License-Identifier: MIT */
/* http_listen: sockets that HTTP is answered on. */
#ifndef RESOURCE_ALERT_STATUS_HTTP_LISTEN_H
#define RESOURCE_ALERT_STATUS_HTTP_LISTEN_H

#include <sys/socket.h>

#include "core/error.h"

/* Reads "ADDRESS:PORT" or "[ADDRESS]:PORT"; numbers only, no names: nothing is
 * asked of a resolver. Returns 0 or -EINVAL with the reason. */
int http_parse_address(const char *text, struct sockaddr_storage *ret_address,
                       socklen_t *ret_bytes, struct error *error);

/* A socket that listens there. Returns a descriptor (yours) or negative
 * errno. */
int http_listen_tcp(const char *address, struct error *error);

/* A unix socket at PATH, mode 0600, or 0660 with GROUP (NULL: none). A socket
 * that nobody answers on any more is replaced; one that somebody does is
 * -EADDRINUSE, any other kind of file -EEXIST.
 * Returns a descriptor (yours) or negative errno. */
int http_listen_unix(const char *path, const char *group, struct error *error);

#endif

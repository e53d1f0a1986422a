/* SPDX-License-Identifier: MIT */
/* http_connections: the connections of an HTTP server, and which of them are
 * closed so that others are served: those that are late, and the oldest of
 * an address that has too many. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define HTTP_CONNECTIONS_MAX 256
/* With this many, each new connection closes an old one. The rest is for those
 * that come at the same time. */
#define HTTP_CONNECTIONS_FULL 224
#define HTTP_CONNECTIONS_ADDRESS_MAX 64 /* of one address */
#define HTTP_CONNECTIONS_REQUEST_MS                                            \
  5000 /* from its beginning to its last byte */
#define HTTP_CONNECTIONS_REPLY_MS INT64_C(30000) /* until it is sent */

struct http_connection {
  int fd;              /* borrowed; -1: this place is free */
  bool is_cut;         /* shut down: the server is to close it */
  uint64_t number;     /* the larger the younger */
  int64_t deadline_ms; /* monotonic */
  struct {
    sa_family_t family;
    uint8_t bytes[16];
  } address;          /* IPv6: its network of 64 bits; unix: the user */
  struct ucred owner; /* of a unix socket's other end; pid 0: not known */
};

/* Not locked: one owner. */
struct http_connections {
  struct http_connection items[HTTP_CONNECTIONS_MAX];
  uint64_t arrived;
};

void http_connections_init(struct http_connections *connections);

/* Adds the connection FD from ADDRESS at now_ms (monotonic), after shutting
 * others down where that is needed. Returns it (borrowed until
 * http_connections_remove()), or NULL if there is no place. */
struct http_connection *
http_connections_add(struct http_connections *connections, int fd,
                     const struct sockaddr *address, int64_t now_ms);

/* The connection is being closed. */
void http_connections_remove(struct http_connection *connection);

/* Shuts down those whose deadline has passed. */
void http_connections_shut_late(struct http_connections *connections,
                                int64_t now_ms);

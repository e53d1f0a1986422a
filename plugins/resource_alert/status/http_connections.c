/* SPDX-License-Identifier: MIT */
/* http_connections: the connections of an HTTP server, and which of them are
 * closed so that others are served: those that are late, and the oldest of
 * an address that has too many.
 *
 * A request is answered as soon as it is read, so a connection that has been
 * open for long is idle or slow. */
#include "resource_alert/status/http_connections.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

void http_connections_init(struct http_connections *connections) {
  *connections = (struct http_connections){.arrived = 0};
  for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
    connections->items[i].fd = -1;
  }
}

/* A host has a whole network of 64 bits in IPv6, and the user of a unix socket
 * any number of processes. */
static void set_client_address(struct http_connection *connection,
                               const struct sockaddr *address) {
  socklen_t bytes = sizeof(connection->owner);
  connection->address.family = address->sa_family;
  if (address->sa_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    memcpy(connection->address.bytes, &v4->sin_addr, sizeof(v4->sin_addr));
  } else if (address->sa_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    memcpy(connection->address.bytes, &v6->sin6_addr, 8);
  } else if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED,
                        &connection->owner, &bytes) == 0) {
    memcpy(connection->address.bytes, &connection->owner.uid,
           sizeof(connection->owner.uid));
  }
}

static bool is_open(const struct http_connection *connection) {
  return connection->fd >= 0 && !connection->is_cut;
}

static bool is_same_address(const struct http_connection *one,
                            const struct http_connection *other) {
  return memcmp(&one->address, &other->address, sizeof(one->address)) == 0;
}

/* Of the address of CONNECTION; NULL: of all. */
static size_t count_open(const struct http_connections *connections,
                         const struct http_connection *connection) {
  size_t count = 0;
  for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
    const struct http_connection *other = &connections->items[i];
    count += is_open(other) &&
             (connection == NULL || is_same_address(connection, other));
  }
  return count;
}

/* The oldest connection of the address that has the most. */
static struct http_connection *
find_oldest_of_most(struct http_connections *connections) {
  struct http_connection *oldest = NULL;
  size_t most = 0;
  for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
    struct http_connection *connection = &connections->items[i];
    size_t count =
        is_open(connection) ? count_open(connections, connection) : 0;
    if (count > most ||
        (count > 0 && count == most && connection->number < oldest->number)) {
      most = count;
      oldest = connection;
    }
  }
  return oldest;
}

/* The server reads the end of the connection and closes it. */
static void shut_down(struct http_connection *connection) {
  connection->is_cut = true;
  (void)shutdown(connection->fd, SHUT_RDWR);
}

/* Closes the oldest connection of the address that has the most: in most cases
 * that of ADDED. */
static void make_room(struct http_connections *connections,
                      const struct http_connection *added) {
  if (count_open(connections, added) > HTTP_CONNECTIONS_ADDRESS_MAX ||
      count_open(connections, NULL) > HTTP_CONNECTIONS_FULL) {
    shut_down(find_oldest_of_most(connections));
  }
}

struct http_connection *
http_connections_add(struct http_connections *connections, int fd,
                     const struct sockaddr *address, int64_t now_ms) {
  for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
    struct http_connection *connection = &connections->items[i];
    if (connection->fd < 0) {
      memset(connection, 0, sizeof(*connection));
      connection->fd = fd;
      connection->number = connections->arrived++;
      connection->deadline_ms = now_ms + HTTP_CONNECTIONS_REQUEST_MS;
      set_client_address(connection, address);
      make_room(connections, connection);
      return connection;
    }
  }
  return NULL;
}

void http_connections_remove(struct http_connection *connection) {
  connection->fd = -1;
}

void http_connections_shut_late(struct http_connections *connections,
                                int64_t now_ms) {
  for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
    struct http_connection *connection = &connections->items[i];
    if (is_open(connection) && connection->deadline_ms <= now_ms) {
      shut_down(connection);
    }
  }
}

/* SPDX-License-Identifier: MIT */
/* http_clients: the connections of an HTTP server, and which of them are
 * closed so that others are served: those that are late, and the oldest of
 * an address that has too many.
 *
 * A request is answered as soon as it is read, so a connection that has been
 * open for long is idle or slow. */
#include "resource_alert/status/http_clients.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

void http_clients_init(struct http_clients *clients) {
  *clients = (struct http_clients){.arrived = 0};
  for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
    clients->items[i].fd = -1;
  }
}

/* A host has a whole network of 64 bits in IPv6, and the user of a unix socket
 * any number of processes. */
static void set_client_address(struct http_client *client,
                               const struct sockaddr *address) {
  socklen_t bytes = sizeof(client->owner);
  client->address.family = address->sa_family;
  if (address->sa_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    memcpy(client->address.bytes, &v4->sin_addr, sizeof(v4->sin_addr));
  } else if (address->sa_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    memcpy(client->address.bytes, &v6->sin6_addr, 8);
  } else if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &client->owner,
                        &bytes) == 0) {
    memcpy(client->address.bytes, &client->owner.uid,
           sizeof(client->owner.uid));
  }
}

static bool is_open(const struct http_client *client) {
  return client->fd >= 0 && !client->is_cut;
}

static bool is_same_address(const struct http_client *one,
                            const struct http_client *other) {
  return memcmp(&one->address, &other->address, sizeof(one->address)) == 0;
}

/* Of the address of CLIENT; NULL: of all. */
static size_t count_open(const struct http_clients *clients,
                         const struct http_client *client) {
  size_t count = 0;
  for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
    const struct http_client *other = &clients->items[i];
    count +=
        is_open(other) && (client == NULL || is_same_address(client, other));
  }
  return count;
}

/* The oldest connection of the address that has the most. */
static struct http_client *find_oldest_of_most(struct http_clients *clients) {
  struct http_client *oldest = NULL;
  size_t most = 0;
  for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
    struct http_client *client = &clients->items[i];
    size_t count = is_open(client) ? count_open(clients, client) : 0;
    if (count > most ||
        (count > 0 && count == most && client->number < oldest->number)) {
      most = count;
      oldest = client;
    }
  }
  return oldest;
}

/* The server reads the end of the connection and closes it. */
static void shut_down(struct http_client *client) {
  client->is_cut = true;
  (void)shutdown(client->fd, SHUT_RDWR);
}

/* A crowd of its own address is the largest one in most cases; where it is not,
 * the larger one gives way. */
static void make_room(struct http_clients *clients,
                      const struct http_client *added) {
  if (count_open(clients, added) > HTTP_CLIENTS_ADDRESS_MAX ||
      count_open(clients, NULL) > HTTP_CLIENTS_FULL) {
    shut_down(find_oldest_of_most(clients));
  }
}

struct http_client *http_clients_add(struct http_clients *clients, int fd,
                                     const struct sockaddr *address,
                                     int64_t now_ms) {
  for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
    struct http_client *client = &clients->items[i];
    if (client->fd < 0) {
      memset(client, 0, sizeof(*client));
      client->fd = fd;
      client->number = clients->arrived++;
      client->deadline_ms = now_ms + HTTP_CLIENTS_REQUEST_MS;
      set_client_address(client, address);
      make_room(clients, client);
      return client;
    }
  }
  return NULL;
}

void http_clients_remove(struct http_client *client) { client->fd = -1; }

void http_clients_shut_late(struct http_clients *clients, int64_t now_ms) {
  for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
    struct http_client *client = &clients->items[i];
    if (is_open(client) && client->deadline_ms <= now_ms) {
      shut_down(client);
    }
  }
}

/* SPDX-License-Identifier: MIT */
/* http_server: HTTP on a listening socket, with a bound on everything. */
#ifndef RESOURCE_ALERT_STATUS_HTTP_SERVER_H
#define RESOURCE_ALERT_STATUS_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

#define HTTP_CLIENTS_MAX 256
#define HTTP_IDLE_S 5             /* a client that says nothing is dropped */
#define HTTP_MEMORY_BYTES 32768   /* a client: headers and what it is sent */
#define HTTP_BODY_BYTES_MAX 16384 /* of a request */

/* Borrowed for the call. */
struct http_request {
  const char *method;
  const char *path;
  const char *body; /* ends in NUL; "" without one */
};

/* status: 0 on entry. body: yours to allocate, freed by the server; or, with
 * is_constant, anything that lives for ever. */
struct http_reply {
  unsigned status;
  const char *type;
  char *body;
  const void *constant_body;
  size_t bytes;
};

/* Answers a request; on the server's own thread, one at a time. */
struct http_handler {
  void (*answer)(void *context, const struct http_request *request,
                 struct http_reply *reply);
  void *context;
};

struct http_server;

/* Starts a thread that answers on DESCRIPTOR (taken, also on failure).
 * Returns 0 or negative errno. */
int http_server_new(int descriptor, const struct http_handler *handler,
                    struct http_server **ret_server, struct error *error);

/* Closes all connections and joins the thread. Accepts NULL. */
void http_server_free(struct http_server *server);

#endif

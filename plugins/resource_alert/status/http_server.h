/* SPDX-License-Identifier: MIT */
/* http_server: answers HTTP on a TCP or unix socket, with a bound on every
 * resource. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "core/error.h"

#define HTTP_SERVER_CLIENTS_MAX 256
#define HTTP_SERVER_IDLE_S 5           /* then the connection is closed */
#define HTTP_SERVER_MEMORY_BYTES 32768 /* for each client */
#define HTTP_SERVER_BODY_BYTES_MAX 16384

/* Borrowed for the call. */
struct http_server_request {
  const char *method;
  const char *path;
  const char *body; /* ends in NUL; "" without one */
};

/* status: 0 on entry, which means 404. body: allocated by the handler, freed by
 * the server; or NULL with constant_body, which is never freed. */
struct http_server_reply {
  unsigned status;
  const char *type;
  char *body;
  const void *constant_body;
  size_t bytes;
};

/* Handles requests on the server's own thread, one at a time. */
struct http_server_handler {
  void (*handle)(void *context, const struct http_server_request *request,
                 struct http_server_reply *reply);
  void *context;
};

struct http_server;

/* ---- listening ---- */

/* Both for the option tables. Return 0 or -EINVAL with the reason: not
 * ADDRESS:PORT with a numeric address; not an absolute path, or too long. */
int http_server_check_address(const char *text, struct error *error);
int http_server_check_socket_path(const char *path, struct error *error);

/* A socket that listens there. Returns a descriptor (yours) or negative
 * errno. */
int http_server_listen_tcp(const char *address, struct error *error);

/* A unix socket at PATH, mode 0600, or 0660 with GROUP (NULL: none). Replaces
 * the socket of a process that died; -EADDRINUSE if a process still uses it,
 * -EEXIST if PATH is another kind of file.
 * Returns a descriptor (yours) or negative errno. */
int http_server_listen_unix(const char *path, const char *group,
                            struct error *error);

/* ---- serving ---- */

/* Starts a thread that serves DESCRIPTOR (taken, also on failure).
 * Returns 0 or negative errno. */
int http_server_start(int descriptor, const struct http_server_handler *handler,
                      struct http_server **ret_server, struct error *error);

/* Closes all connections and joins the thread. Accepts NULL. */
void http_server_stop(struct http_server *server);

/* Sets a JSON body. json: taken; NULL: status 500. */
void http_server_set_json(struct http_server_reply *reply, unsigned status,
                          json_t *json);

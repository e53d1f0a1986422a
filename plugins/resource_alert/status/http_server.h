/* SPDX-License-Identifier: MIT */
/* http_server: answers HTTP on a TCP or unix socket, with a bound on every
 * resource. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "core/option.h"

#define HTTP_SERVER_MEMORY_BYTES 32768 /* for each client */
#define HTTP_SERVER_BODY_BYTES_MAX 16384

/* Borrowed for the call. */
struct http_server_request {
  const char *method;
  const char *path;
  const char *body;      /* ends in NUL; "" without one */
  const char *languages; /* the Accept-Language header; NULL: none, as all of
                            the next five */
  const char *agent;     /* User-Agent */
  const char *authorization; /* Authorization */
  const char *if_none_match; /* If-None-Match */
  const char *rules;         /* rules= of the query */
  bool is_local;    /* comes from this machine: a unix socket, or loopback */
  pid_t pid;        /* of the client of a unix socket; 0: not known */
  uid_t uid;        /* its user, and for a POST the name in /etc/passwd */
  const char *user; /* "": it is not there */
};

/* status: 0 on entry, which means 404. body: allocated by the handler, freed by
 * the server; or NULL with constant_body, which is never freed. */
struct http_server_reply {
  unsigned status;
  const char *type;
  char *body;
  const void *constant_body;
  size_t bytes;
  char etag[24];          /* "": no such header, as with 0 of the next */
  unsigned retry_after_s; /* Retry-After */
};

/* Handles requests on the server's own thread, one at a time. */
struct http_server_handler {
  void (*handle)(void *context, const struct http_server_request *request,
                 struct http_server_reply *reply);
  void *context;
};

struct http_server;

/* The names under which a server may be addressed, besides numeric addresses
 * and localhost: a web page could give its own name the server's address and
 * read it from a visitor's browser. */
struct http_server_names {
  const char *own[2]; /* and their first labels; NULL: none */
  const struct option_strings *patterns; /* of glob.h */
};

/* Whether a request with this header HOST is served. Case does not count; NULL,
 * no such header, is accepted, because browsers send one. */
bool http_server_accepts_host(const struct http_server_names *names,
                              const char *host);

/* Starts a thread that serves DESCRIPTOR (taken, also on failure).
 * names: copied; their strings are borrowed; NULL: any Host is served.
 * Returns 0 or negative errno. */
int http_server_start(int descriptor, const struct http_server_names *names,
                      const struct http_server_handler *handler,
                      struct http_server **ret_server, struct error *error);

/* Closes all connections and ends the thread. The handler is not called any
 * more, also where the thread hangs and is left behind. Accepts NULL. */
void http_server_stop(struct http_server *server);

/* For how long the thread has not come round, at most a second if it is well;
 * 0: there is no server. Any thread. */
int64_t http_server_busy_ms(struct http_server *server);

/* Sets a JSON body. json: taken; NULL: status 500. */
void http_server_set_json(struct http_server_reply *reply, unsigned status,
                          json_t *json);

/* SPDX-License-Identifier: MIT */
/* http_client: HTTP requests with a deadline, and the options of what is
 * reached by them. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/option.h"

/* Longer responses are refused; none of our targets sends as much. */
#define HTTP_CLIENT_RESPONSE_BYTES_MAX 1048576

#define HTTP_CLIENT_HEADERS_MAX 16

/* How to reach a target; NULL where there is none. */
struct http_client_options {
  char *ca_file; /* NULL: the system's */
  char *cert_file;
  char *key_file;
  char *proxy; /* NULL: none, whatever the environment says */
  bool allows_plain;
};

struct http_client_request {
  const char *method;
  const char *url;
  const char
      *headers[HTTP_CLIENT_HEADERS_MAX]; /* "Name: value"; NULL ends them */
  const char *bearer;                    /* token; NULL: none */
  const char *body;                      /* NULL: none */
  size_t body_bytes;
  int64_t deadline_ms; /* monotonic */
  int cancel_fd;       /* -1: never */
  bool may_repeat;     /* idempotent: may be sent on an open connection, as GET
                          always is */
};

struct http_client_response {
  long status;
  char *body; /* ends in a NUL that is not counted */
  size_t body_bytes;
  int64_t retry_after_ms; /* the pause the server wants; 0: none */
  int64_t date_s;         /* the server's clock, since the epoch; 0: unknown */
};

struct http_client;

/* Checks a URL from the configuration: http or https, no user or password in
 * it, and plain http only to this machine unless allows_plain. name: of its
 * option, for the error. Loads libcurl. Returns 0; -EINVAL with the reason,
 * "..., or write AllowPlainHTTP true", and no more of the URL than its origin;
 * what shared_library_load() does. */
int http_client_check_url(const struct http_client_options *options,
                          const char *name, const char *url,
                          struct error *error);

/* Writes "scheme://host:port" of URL, for people: the rest may be a secret, as
 * the path of a chat's webhook is. "..." for what is no URL. */
#define HTTP_CLIENT_ORIGIN_BYTES 288
void http_client_format_origin(const char *url, char *text, size_t bytes);

/* Writes BASE, without the slashes at its end, and PATH. Returns 0 or -EINVAL
 * when they are too long. */
#define HTTP_CLIENT_URL_BYTES 1024
int http_client_join_url(const char *base, const char *path,
                         char url[HTTP_CLIENT_URL_BYTES], struct error *error);

/* options: borrowed for the client's life. *ret: yours, http_client_free().
 * Opens nothing yet; keeps its connections from one request to the next.
 * Loads libcurl. Returns 0; -ENOMEM; what shared_library_load() does. */
int http_client_new(const struct http_client_options *options,
                    struct http_client **ret, struct error *error);
void http_client_free(struct http_client *client); /* accepts NULL */

/* Sends and waits for the response, which is filled in on success, whatever its
 * status is; http_client_response_fini(). One thread at a time.
 * Returns 0 or an error as in action_call.h. Nothing secret is in it. */
int http_client_perform(struct http_client *client,
                        const struct http_client_request *request,
                        struct http_client_response *response,
                        struct error *error);
void http_client_response_fini(
    struct http_client_response *response); /* accepts zeroed */

/* 0 for a 2xx; else an error as in action_call.h, with the status and the
 * beginning of the body. */
int http_client_expect_success(const struct http_client_response *response,
                               struct error *error);

/* The body as JSON. NULL when it is none, with the error; yours. */
json_t *http_client_response_json(const struct http_client_response *response,
                                  struct error *error);

/* The options of an HTTP target. outer: its struct's tag; member: its field of
 * struct http_client_options. */
#define HTTP_CLIENT_OPTION_ROWS(outer, member)                                 \
  {OPTION("CAFile", STRING, struct outer, member.ca_file),                     \
   .check = option_check_absolute_path,                                        \
   .help = "File with the CA certificates (PEM) to verify the server's "       \
           "certificate. By default those of the system are used."},           \
      {OPTION("CertFile", STRING, struct outer, member.cert_file),             \
       .check = option_check_absolute_path,                                    \
       .help = "File with a client certificate (PEM)."},                       \
      {OPTION("KeyFile", STRING, struct outer, member.key_file),               \
       .check = option_check_absolute_path,                                    \
       .help = "File with the key of the client certificate (PEM)."},          \
      {OPTION("Proxy", STRING, struct outer, member.proxy),                    \
       .example = "\"http://proxy.example.net:3128\"",                         \
       .help = "URL of a proxy. By default no proxy is used; the "             \
               "environment is ignored."},                                     \
  {                                                                            \
    OPTION("AllowPlainHTTP", BOOLEAN, struct outer, member.allows_plain),      \
        .default_text = "false",                                               \
        .help =                                                                \
            "Allow C<http:> URLs to other machines. Anyone on the network "    \
            "path can then read and change the data."                          \
  }

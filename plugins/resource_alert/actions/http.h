/* SPDX-License-Identifier: MIT */
/* http: the HTTP client of all actions: one request at a time, with a
 * deadline, cancelled when collectd stops, TLS verified, no redirects. */
#ifndef RESOURCE_ALERT_ACTIONS_HTTP_H
#define RESOURCE_ALERT_ACTIONS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "core/error.h"

/* An answer may not be longer: no target of ours has more to say. */
#define HTTP_ANSWER_BYTES_MAX 1048576

#define HTTP_HEADERS_MAX 16

/* How to reach a target. All strings borrowed for the client's life; NULL
 * where there is none. */
struct http_target {
  const char *ca_file; /* NULL: the system's */
  const char *cert_file;
  const char *key_file;
  const char *proxy; /* NULL: none, whatever the environment says */
};

struct http_question {
  const char *method;
  const char *url;
  const char *headers[HTTP_HEADERS_MAX]; /* "Name: value"; NULL ends them */
  const char *bearer;                    /* token; NULL: none */
  const char *body;                      /* NULL: none */
  size_t body_bytes;
  int64_t deadline_ms; /* monotonic */
  int cancel_fd;       /* -1: never */
  bool may_repeat;     /* done twice is as good as done once: then an open
                          connection is used again, as it always is for GET */
};

struct http_answer {
  long status;
  char *body; /* ends in a NUL that is not counted */
  size_t body_bytes;
  int64_t retry_after_ms; /* what the server asks for; 0: nothing */
  int64_t date_s;         /* the server's clock, since the epoch; 0: not told */
};

struct http_client;

/* For the whole process, before any thread uses a client and after the last.
 * Returns 0 or -ENOMEM. */
int http_init(void);
void http_fini(void);

/* Checks a URL from the configuration: http or https, no user or password in
 * it, and plain http only to this machine unless allows_plain.
 * Returns 0 or -EINVAL with the reason, "..., or write AllowPlainHTTP true". */
int http_check_url(const char *url, bool allows_plain, struct error *error);

/* target: borrowed. *ret: yours, http_client_free(). Opens nothing yet; keeps
 * its connections from one request to the next. Returns 0 or -ENOMEM. */
int http_client_new(const struct http_target *target, struct http_client **ret,
                    struct error *error);
void http_client_free(struct http_client *client); /* accepts NULL */

/* Sends and waits for the answer. answer: filled on success, whatever the
 * status is; http_answer_fini(). One thread at a time.
 * Returns 0; -ETIMEDOUT; -ECANCELED; -EMSGSIZE for an answer that is too
 * long; -ECONNREFUSED; -EIO. Nothing secret is in the error. */
int http_perform(struct http_client *client,
                 const struct http_question *question,
                 struct http_answer *answer, struct error *error);
void http_answer_fini(struct http_answer *answer); /* accepts zeroed */

/* 0 for a 2xx; else -EIO with the status and the beginning of the body. */
int http_expect_success(const struct http_answer *answer, struct error *error);

/* The body as JSON. NULL when it is none, with the error; yours. */
json_t *http_answer_json(const struct http_answer *answer, struct error *error);

#endif

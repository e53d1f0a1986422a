/* SPDX-License-Identifier: MIT */
/* kubernetes: a client of the Kubernetes API. */
#pragma once

#include "resource_alert/clients/action_call.h"
#include "resource_alert/clients/http_client.h"

/* The one <Kubernetes> block. */
struct kubernetes_options {
  struct option_head head;
  char *server;     /* NULL: that of the pod */
  char *token_file; /* NULL: that of the pod, or none with a certificate */
  struct http_client_options http;
};

extern const struct option_block kubernetes_block;

struct kubernetes;

/* Checks that there is a token if one is needed, and an address. Returns 0 or
 * -EINVAL with what to write. */
int kubernetes_check_access_files(const struct kubernetes_options *options,
                                  struct error *error);

/* options: borrowed. *ret: yours, kubernetes_free(). Opens nothing yet.
 * Returns 0 or -ENOMEM. One thread at a time. */
int kubernetes_new(const struct kubernetes_options *options,
                   struct kubernetes **ret, struct error *error);
void kubernetes_free(struct kubernetes *kubernetes); /* accepts NULL */

/* Sends a request to the API server. body: taken; NULL: none. A PATCH is a
 * merge patch. A request with a body is journaled, and so is its response.
 * ret: yours; NULL where the response does not matter. path: a format, from the
 * '/' on, whose arguments are checked names.
 * Returns 0; -ENOENT for 404; -ESTALE for 409, the object has changed
 * meanwhile, and for 410; -EACCES for 401 and 403; -EINVAL for another 4xx;
 * -EBUSY for 429 and 503, with the pause that the server wants in
 * call->pause_ms; -EIO; and what http_client_perform() returns. The error holds
 * the server's message. */
int kubernetes_request(struct kubernetes *kubernetes, const char *method,
                       json_t *body, struct action_call *call, json_t **ret,
                       const char *path, ...)
    __attribute__((format(printf, 6, 7)));

/* After -ENOENT: the API itself said so, and not a proxy in front of it. */
bool kubernetes_said_gone(const struct kubernetes *kubernetes);

/* The server's clock as of its last response, since the epoch: all agents share
 * it. This machine's clock where that is not known. */
int64_t kubernetes_now_s(const struct kubernetes *kubernetes);

/* A time of the API, which is always UTC, since the epoch; whole seconds. 0 for
 * what is no time. */
int64_t kubernetes_parse_time(const char *text);

/* Asks the server whether we have a permission; changes nothing. name: "" for
 * any, as with create. Returns 0; -EACCES with what to grant; what
 * kubernetes_request() does. */
int kubernetes_check_permission(struct kubernetes *kubernetes,
                                const char *space, const char *verb,
                                const char *group, const char *resource,
                                const char *name, struct action_call *call);

/* The check of an option: a name of Kubernetes. */
int kubernetes_check_name(const char *value, struct error *error);

/* Records an Event about an object in its namespace, so that people see there
 * who did what. api: "apps/v1"; host: that acts; is_on: engaged or released;
 * reason: "ScaledOut" or the like. A failure is journaled and does not make the
 * action fail. */
void kubernetes_send_event(struct kubernetes *kubernetes, const char *space,
                           const char *api, const char *kind, const char *name,
                           const char *host, bool is_on, const char *reason,
                           const char *note, struct action_call *call);

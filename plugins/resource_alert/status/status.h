/* SPDX-License-Identifier: MIT */
/* status: the HTTP servers for status requests and control commands. */
#ifndef RESOURCE_ALERT_STATUS_STATUS_H
#define RESOURCE_ALERT_STATUS_STATUS_H

#include <stdbool.h>

#include "core/error.h"
#include "core/log.h"
#include "resource_alert/status/http_server.h"
#include "resource_alert/status/status_options.h"

#define STATUS_VERSION 1 /* of the JSON; additions do not change it */

struct engine;
struct journal;
struct responses;
struct silences;
struct status;

/* All borrowed until status_stop() has returned. NULL: there is none. */
struct status_deps {
  const struct status_options *options;
  const char *host;
  const char *mode;            /* of the plugin: "auto", "dryrun", "off" */
  struct engine *engine;       /* the rules and their series */
  struct journal *journal;     /* commands are written there */
  struct responses *responses; /* NULL: none */
  struct silences *silences;   /* never NULL */
  struct log_sink log;
};

/* Listens where the options say and starts the threads. A socket that cannot
 * be opened is logged as an error, and the plugin works without it.
 * *ret: yours, status_stop(). Returns 0 or negative errno. */
int status_start(const struct status_deps *deps, struct status **ret,
                 struct error *error);

/* Ends the threads, removes the control socket. Accepts NULL. */
void status_stop(struct status *status);

/* Handles a request as the servers do. is_writable: commands are accepted. Any
 * thread. */
void status_handle_request(struct status *status, bool is_writable,
                           const struct http_server_request *request,
                           struct http_server_reply *reply);

#endif

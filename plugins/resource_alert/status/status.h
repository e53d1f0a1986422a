/* SPDX-License-Identifier: MIT */
/* status: what the plugin answers when it is asked, and the orders it takes. */
#ifndef RESOURCE_ALERT_STATUS_STATUS_H
#define RESOURCE_ALERT_STATUS_STATUS_H

#include <jansson.h>

#include "core/error.h"
#include "core/log.h"
#include "resource_alert/alerts/silence.h"
#include "resource_alert/status/status_options.h"

#define STATUS_VERSION 1 /* of the JSON; additions do not change it */

struct journal;
struct responses;
struct status;

/* What is asked of the threshold table; each may be NULL. The JSON is the
 * caller's; NULL without memory. Called from the servers' threads, one at a
 * time. */
struct status_source {
  json_t *(*rules)(void *context);  /* as status_rules() */
  json_t *(*counts)(void *context); /* an object of integers */
  void *context;
};

/* All borrowed until status_stop() has returned. */
struct status_deps {
  const struct status_options *options;
  const char *host;
  const char *mode;            /* of the plugin: "auto", "dryrun", "off" */
  struct journal *journal;     /* NULL: none; orders are written there */
  struct responses *responses; /* NULL: none */
  struct silences *silences;
  struct log_sink log;
  struct status_source source;
};

/* Listens where the options say and starts the threads. A socket that cannot
 * be had is logged as an error and alerts go on without it.
 * *ret: yours, status_stop(). Returns 0 or negative errno. */
int status_start(const struct status_deps *deps, struct status **ret,
                 struct error *error);

/* Ends the threads, removes the control socket. Accepts NULL. */
void status_stop(struct status *status);

#endif

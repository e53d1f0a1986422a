/* SPDX-License-Identifier: MIT */
/* haproxy: keeps the servers of an HAProxy backend in step with the endpoints.
 */
#ifndef RESOURCE_ALERT_ACTIONS_HAPROXY_H
#define RESOURCE_ALERT_ACTIONS_HAPROXY_H

#include "resource_alert/actions/action.h"

struct haproxy_options {
  struct action_options common;
  char *socket;
  char *backend;
  char *endpoints;               /* "NAMESPACE/SERVICE"; NULL: the command */
  struct option_strings command; /* prints the addresses; none: endpoints */
  char *user;                    /* who runs it; NULL: the default */
  int64_t port;
  int64_t every_s;
  int64_t drain_s;
};

#endif

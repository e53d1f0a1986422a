/* SPDX-License-Identifier: MIT */
/* endpoints: the addresses that a load balancer is to have: those of a
 * Kubernetes Service that are ready, or those that a command prints. */
#ifndef RESOURCE_ALERT_ACTIONS_ENDPOINTS_H
#define RESOURCE_ALERT_ACTIONS_ENDPOINTS_H

#include "resource_alert/clients/kubernetes.h"

#define ENDPOINTS_MAX 1024
#define ENDPOINT_BYTES 64

struct endpoints {
  size_t len;
  char addresses[ENDPOINTS_MAX][ENDPOINT_BYTES]; /* IPv4 or IPv6, checked */
};

/* Reads EndpointSlices, or Endpoints on a cluster that has none.
 * space, service: checked names. Returns 0 or what kubernetes_request() does.
 */
int endpoints_read(struct kubernetes *kubernetes, const char *space,
                   const char *service, struct endpoints *endpoints,
                   struct action_call *call, struct error *error);

/* Takes what a command has printed: an address a line, cut up by it.
 * Returns 0 or -EPROTO with the line that is none. */
int endpoints_parse(struct endpoints *endpoints, char *text,
                    struct error *error);

bool endpoints_have(const struct endpoints *endpoints, const char *address);

#endif

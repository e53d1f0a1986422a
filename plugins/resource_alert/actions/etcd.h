/* SPDX-License-Identifier: MIT */
/* etcd: a client of the JSON gateway of etcd's v3 interface. */
#ifndef RESOURCE_ALERT_ACTIONS_ETCD_H
#define RESOURCE_ALERT_ACTIONS_ETCD_H

#include <stddef.h>
#include <stdint.h>

#include "resource_alert/actions/action.h"
#include "resource_alert/actions/http.h"

struct etcd;

/* All borrowed for the client's life. */
struct etcd_target {
  const char *const *urls; /* endpoints of one cluster */
  size_t urls_len;
  struct http_target http;
  const char *user; /* NULL: no authentication */
  const char *password_file;
};

/* *ret: yours, etcd_free(). Returns 0 or -ENOMEM. One thread at a time. */
int etcd_new(const struct etcd_target *target, struct etcd **ret,
             struct error *error);
void etcd_free(struct etcd *etcd); /* accepts NULL */

/* Sends REQUEST (taken) to PATH of one endpoint after the other until one
 * answers, and logs in where it must. ret: yours; NULL where the answer does
 * not matter. Returns 0; what http_perform() does; -EIO with what the server
 * says; -EPROTO for an answer that makes no sense. */
int etcd_ask(struct etcd *etcd, const char *path, json_t *request,
             const struct action_call *call, json_t **ret, struct error *error);

#endif

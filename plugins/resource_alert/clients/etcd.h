/* SPDX-License-Identifier: MIT */
/* etcd: client of the JSON gateway of etcd's v3 interface: requests, keys and
 * leases. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "resource_alert/clients/action_call.h"
#include "resource_alert/clients/http_client.h"

/* One cluster, for one thread at a time. The first fields are set by the
 * caller and borrowed. */
struct etcd {
  const struct option_strings *urls; /* its endpoints */
  const char *user;                  /* NULL: no authentication */
  const char *password_file;
  struct http_client *http; /* owned */
  size_t current;           /* the endpoint that responded last */
  char *authorization;      /* "Authorization: TOKEN"; NULL: not logged in */
};

/* Makes the client; it connects at the first request. http: borrowed. Returns
 * 0; -ENOMEM; what shared_library_load() does. */
int etcd_init(struct etcd *etcd, const struct http_client_options *http,
              struct error *error);

/* Frees what ETCD owns; accepts all zero. */
void etcd_fini(struct etcd *etcd);

/* Sends REQUEST (taken) to PATH of one endpoint after the other until one gives
 * an answer that the others would give as well, and logs in where it must. The
 * endpoints share the call's time. ret: yours, NULL on failure; NULL where the
 * response does not matter. Returns 0 or an error as in action_call.h. */
int etcd_request(struct etcd *etcd, const char *path, json_t *request,
                 const struct action_call *call, json_t **ret);

/* A lease's number as text, as the gateway writes it. */
#define ETCD_ID_BYTES 24

/* All return what etcd_request() does. */

/* *ret_value: yours, free(); NULL where there is no such key. */
int etcd_get(struct etcd *etcd, const char *key, char **ret_value,
             const struct action_call *call);

/* lease: "" for none. */
int etcd_put(struct etcd *etcd, const char *key, const char *value,
             const char *lease, const struct action_call *call);

/* Writes KEY if there is none. *ret_held: what is there instead: yours,
 * free(); NULL: it is written. */
int etcd_put_if_absent(struct etcd *etcd, const char *key, const char *value,
                       const char *lease, char **ret_held,
                       const struct action_call *call);

/* Deletes KEY if its value is still VALUE. */
int etcd_delete_if_equal(struct etcd *etcd, const char *key, const char *value,
                         const struct action_call *call);

int etcd_grant_lease(struct etcd *etcd, int64_t ttl_s,
                     char lease[ETCD_ID_BYTES], const struct action_call *call);

/* -ENOENT: the lease has expired. */
int etcd_keep_alive(struct etcd *etcd, const char *lease,
                    const struct action_call *call);

/* Tests that the cluster accepts writes from us: a transaction that would write
 * KEY but whose condition is never true. */
int etcd_self_test(struct etcd *etcd, const char *key,
                   const struct action_call *call);

/* SPDX-License-Identifier: MIT */
/* etcd_keys: keys and leases of etcd. */
#ifndef RESOURCE_ALERT_ACTIONS_ETCD_KEYS_H
#define RESOURCE_ALERT_ACTIONS_ETCD_KEYS_H

#include "resource_alert/actions/etcd.h"

/* A lease's number as text, as the gateway writes it. */
#define ETCD_ID_BYTES 24

/* All return what etcd_ask() does. */

/* *ret_value: yours, free(); NULL where there is no such key. */
int etcd_get(struct etcd *etcd, const char *key, char **ret_value,
             const struct action_call *call, struct error *error);

/* lease: "" for none. */
int etcd_put(struct etcd *etcd, const char *key, const char *value,
             const char *lease, const struct action_call *call,
             struct error *error);

/* Writes KEY if there is none. *ret_held: what stands there instead: yours,
 * free(); NULL: it is written. */
int etcd_put_if_absent(struct etcd *etcd, const char *key, const char *value,
                       const char *lease, char **ret_held,
                       const struct action_call *call, struct error *error);

/* Deletes KEY if VALUE still stands in it. */
int etcd_delete_if(struct etcd *etcd, const char *key, const char *value,
                   const struct action_call *call, struct error *error);

int etcd_grant(struct etcd *etcd, int64_t ttl_s, char lease[ETCD_ID_BYTES],
               const struct action_call *call, struct error *error);

/* -ENOENT: the lease has expired. */
int etcd_keep_alive(struct etcd *etcd, const char *lease,
                    const struct action_call *call, struct error *error);

/* A transaction that would write KEY but whose condition never holds: shows
 * that the cluster takes writes from us. */
int etcd_rehearse(struct etcd *etcd, const char *key,
                  const struct action_call *call, struct error *error);

#endif

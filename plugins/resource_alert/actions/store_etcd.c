/* SPDX-License-Identifier: MIT */
/* store_etcd: switches as keys of etcd. Each key has a lease that is kept
 * alive, so that the key expires when collectd dies.
 *
 * A put without the lease would make the key permanent; a keepalive of an
 * expired lease returns 200 without TTL. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/actions/switch_store.h"
#include "resource_alert/clients/etcd.h"

#define KEY_BYTES 512

/* One switch with its lease. */
struct store_etcd {
  struct switch_store base;
  struct etcd etcd;
  char lease[ETCD_ID_BYTES]; /* "" while we hold none */
};

/* etcd grants no lease that is much shorter than its election timeout. */
static int check_etcd_options(const struct switch_store_options *options,
                              struct error *error) {
  if (options->urls.len == 0) {
    return error_set(error, -EINVAL,
                     "URL is missing: write URL \"http://127.0.0.1:2379\"");
  }
  if (options->ttl_s > 0 && options->ttl_s < 5) {
    return error_set(error, -EINVAL,
                     "TTL %" PRId64 " is too short for etcd; "
                     "write at least 5, or 0 for keys that never expire",
                     options->ttl_s);
  }
  if ((options->user == NULL) != (options->password_file == NULL)) {
    return error_set(error, -EINVAL,
                     "User and PasswordFile require each other: write both");
  }
  int code = 0;
  for (size_t i = 0; i < options->urls.len && code == 0; i++) {
    code = http_client_check_url(&options->http, "URL", options->urls.items[i],
                                 error);
  }
  return code;
}

/* The client connects at the first request, so that an etcd that is down does
 * not keep collectd from starting. */
static int init_etcd_store(void *self, struct error *error) {
  struct store_etcd *store = self;
  const struct switch_store_options *options = store->base.options;
  store->etcd.urls = &options->urls;
  store->etcd.user = options->user;
  store->etcd.password_file = options->password_file;
  return etcd_init(&store->etcd, &options->http, error);
}

/* The lease is not revoked: what is on stays on over a restart, until the
 * TTL. */
static void fini_etcd_store(void *self) {
  struct store_etcd *store = self;
  etcd_fini(&store->etcd);
}

/* The prefix may hold 0 or more slashes: etcd has no directories. */
static void format_switch_key(const struct store_etcd *store, const char *name,
                              char key[KEY_BYTES]) {
  (void)snprintf(key, KEY_BYTES, "%s%s", store->base.options->prefix, name);
}

/* Keeps our lease alive, or gets a new one if it has expired. */
static int keep_or_grant_lease(struct store_etcd *store,
                               struct action_call *call) {
  if (store->base.options->ttl_s == 0) {
    return 0;
  }
  if (store->lease[0] != '\0') {
    int code = etcd_keep_alive(&store->etcd, store->lease, call);
    if (code != -ENOENT) {
      return code;
    }
    store->lease[0] = '\0'; /* expired */
  }
  return etcd_grant_lease(&store->etcd, store->base.options->ttl_s,
                          store->lease, call);
}

/* Writes the key if there is none, or ours. Another agent's key stays: the
 * switch is on, and when that key expires we write ours. */
static int put_own_key(struct store_etcd *store, const char *key,
                       const char *text, const json_t *value,
                       struct action_call *call) {
  char *held = NULL;
  int code =
      etcd_put_if_absent(&store->etcd, key, text, store->lease, &held, call);
  if (code == 0 && held != NULL) {
    code = switch_store_compare_owner(held, value, call);
    code = code == 1 ? etcd_put(&store->etcd, key, text, store->lease, call)
                     : code;
  }
  free(held);
  return code;
}

/* After a failure the lease is dropped: a member that lost its data knows it no
 * more, and each further put would fail. */
static int put_with_lease(struct store_etcd *store, const char *key,
                          const json_t *value, struct action_call *call) {
  int code = keep_or_grant_lease(store, call);
  if (code != 0) {
    return code;
  }
  char *text = switch_store_format_value(value, store->base.options->ttl_s);
  if (text == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  code = put_own_key(store, key, text, value, call);
  if (code != 0) {
    store->lease[0] = '\0'; /* it may be lost with a server's data */
  }
  free(text);
  return code;
}

/* Deletes only a key with the value that was read: another agent may have
 * written meanwhile. */
static int put_switch_in_etcd(void *self, const struct switch_state *state,
                              struct action_call *call) {
  struct store_etcd *store = self;
  char key[KEY_BYTES];
  format_switch_key(store, state->name, key);
  if (state->is_on) {
    call->again_in_ms = switch_store_refresh_in_ms(store->base.options->ttl_s);
    return put_with_lease(store, key, state->value, call);
  }
  char *held = NULL;
  int code = etcd_get(&store->etcd, key, &held, call);
  if (code == 0 && held != NULL) {
    code = switch_store_compare_owner(held, state->value, call);
    code =
        code == 1 ? etcd_delete_if_equal(&store->etcd, key, held, call) : code;
  }
  free(held);
  return code;
}

static int confirm_switch_in_etcd(void *self, const struct switch_state *state,
                                  struct action_call *call) {
  struct store_etcd *store = self;
  char key[KEY_BYTES];
  char *held = NULL;
  format_switch_key(store, state->name, key);
  int code = etcd_get(&store->etcd, key, &held, call);
  int ours = code != 0 || held == NULL
                 ? 1
                 : switch_store_compare_owner(held, state->value, call);
  if (ours < 0) {
    code = ours;
  } else if (code == 0 && ours == 1 && (held != NULL) != state->is_on) {
    code = error_set(call->error, -ESTALE, "%s is %s", key,
                     state->is_on ? "not there" : "still there");
  }
  free(held);
  return code;
}

/* The key is never written; see etcd_self_test(). It must be one that the user
 * may write. */
static int self_test_etcd_store(void *self, struct action_call *call) {
  struct store_etcd *store = self;
  char key[KEY_BYTES];
  format_switch_key(store, "self-test", key);
  return etcd_self_test(&store->etcd, key, call);
}

const struct switch_store_driver switch_store_etcd = {
    .name = "etcd",
    .check = check_etcd_options,
    .size = sizeof(struct store_etcd),
    .init = init_etcd_store,
    .put = put_switch_in_etcd,
    .confirm = confirm_switch_in_etcd,
    .self_test = self_test_etcd_store,
    .fini = fini_etcd_store,
};

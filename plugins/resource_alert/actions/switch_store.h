/* SPDX-License-Identifier: MIT */
/* switch_store: the stores that keep switches for the applications. */
#pragma once

#include "core/option.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/clients/http_client.h"

struct kubernetes;

/* One <SwitchStore>; its label names the driver. */
struct switch_store_options {
  struct option_head head;
  int64_t ttl_s;                   /* 0: the switches never expire */
  bool has_readers;                /* file: makes the directory of the marks */
  char *path;                      /* file */
  struct option_strings urls;      /* etcd: endpoints of one cluster */
  char *prefix;                    /* etcd */
  char *user;                      /* etcd, postgresql */
  char *password_file;             /* etcd */
  struct http_client_options http; /* etcd */
  char *space;                     /* kubernetes, and the next one */
  char *config_map;
  struct option_strings on; /* http, and the next five */
  struct option_strings off;
  struct option_strings read;
  struct option_strings publish;
  char *read_member;
  char *header_file;
  char *host; /* postgresql, and all below */
  int64_t port;
  char *database;
  char *pass_file;
  char *ssl_mode;
  char *target_session_attrs;
  char *table;
  char *channel;
};

extern const struct option_block switch_store_block;

/* A switch that is put or confirmed. */
struct switch_state {
  const char *name;
  bool is_on;
  const json_t *value; /* what is stored while it is on */
};

/* The beginning of each driver's store. */
struct switch_store {
  const struct switch_store_driver *driver;
  const struct switch_store_options *options; /* borrowed */
  struct kubernetes *kubernetes; /* borrowed; NULL where it is not needed */
};

/* How the kinds of stores differ. */
struct switch_store_driver {
  const char *name; /* the label */
  size_t size;      /* of the driver's store */

  /* Returns 0, or -EINVAL if an option is missing or wrong. */
  int (*check)(const struct switch_store_options *options, struct error *error);

  /* Makes the rest of a store, zero behind its beginning; opens nothing yet.
   * Returns 0 or a negative errno; fini is called also then. */
  int (*init)(void *store, struct error *error);
  void (*fini)(void *store); /* NULL: nothing to free */

  /* Writes the switch, or removes it if its value's owner wrote it.
   * As action_driver.set. */
  int (*put)(void *store, const struct switch_state *state,
             struct action_call *call);

  /* As action_driver.confirm and .self_test. */
  int (*confirm)(void *store, const struct switch_state *state,
                 struct action_call *call);
  int (*self_test)(void *store, struct action_call *call);
};

extern const struct switch_store_driver switch_store_file;
extern const struct switch_store_driver switch_store_etcd;
extern const struct switch_store_driver switch_store_postgresql;
extern const struct switch_store_driver switch_store_redis;
extern const struct switch_store_driver switch_store_http;
extern const struct switch_store_driver switch_store_kubernetes;

/* True for the kind that needs a client of the Kubernetes API. */
bool switch_store_needs_kubernetes(const struct switch_store_options *options);

/* VALUE with its "until", ttl_s from now (null where that is 0), as the text
 * that is stored. Returns yours, free(); NULL when memory is short. */
char *switch_store_format_value(const json_t *value, int64_t ttl_s);

/* Returns 1 if TEXT, found in a store, was written by VALUE's owner, 0 if not,
 * or -ENOMEM when that cannot be told. What names no owner was made by a
 * person. */
int switch_store_is_ours(const char *text, const json_t *value,
                         struct error *error);

/* Returns 1 if it is ours, 0 if not, which becomes the outcome of CALL: it is
 * left alone; or -ENOMEM. */
int switch_store_compare_owner(const char *text, const json_t *value,
                               struct action_call *call);

/* Writes whose TEXT is, found in a store, for people: "is held by db1, response
 * "degrade"". */
void switch_store_format_holder(const char *text, char *holder, size_t bytes);

/* True for the switch of an agent that has not renewed it: it is dead, and
 * nobody else will remove it. */
bool switch_store_is_expired(const char *text);

/* After how long a switch must be refreshed, so that it does not expire. */
int64_t switch_store_refresh_in_ms(int64_t ttl_s);

/* Opens nothing yet. options, kubernetes: borrowed; its label has been checked.
 * *ret: yours, switch_store_free(). Returns 0 or a negative errno. */
int switch_store_new(const struct switch_store_options *options,
                     struct kubernetes *kubernetes, struct switch_store **ret,
                     struct error *error);
void switch_store_free(struct switch_store *store); /* accepts NULL */

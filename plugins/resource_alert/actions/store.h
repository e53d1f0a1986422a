/* SPDX-License-Identifier: MIT */
/* store: where switches are kept for the application's middleware to read:
 * the configuration centre. Several stores may be in use at once. */
#ifndef RESOURCE_ALERT_ACTIONS_STORE_H
#define RESOURCE_ALERT_ACTIONS_STORE_H

#include "core/option.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/actions/http_options.h"

/* One <SwitchStore>; its label names the driver. */
struct store_options {
  struct option_head head;
  int64_t ttl_s;              /* 0: the switches stand for ever */
  char *path;                 /* file */
  struct option_strings urls; /* etcd: endpoints of one cluster */
  char *prefix;               /* etcd */
  char *user;                 /* etcd, postgresql */
  char *password_file;        /* etcd */
  struct http_options http;   /* etcd */
  char *host;                 /* postgresql, and all below */
  int64_t port;
  char *database;
  char *pass_file;
  char *ssl_mode;
  char *table;
  char *channel;
};

extern const struct option_block store_block;

struct store_driver {
  const char *name; /* the label */
  bool is_local;    /* it waits for nobody and comes first */

  /* Returns 0, or -EINVAL when the options do not suffice. */
  int (*check)(const struct store_options *options, struct error *error);

  /* options: borrowed. *ret: yours, free(). Opens nothing yet. */
  int (*new)(const struct store_options *options, void **ret,
             struct error *error);

  /* Makes the switch NAME stand with VALUE, or takes away the one that VALUE's
   * host and response have put there. As action_driver.set. */
  int (*put)(void *store, const char *name, bool is_on, const json_t *value,
             struct action_call *call, struct error *error);

  /* As action_driver.confirm and .drill. */
  int (*confirm)(void *store, const char *name, bool is_on, const json_t *value,
                 struct action_call *call, struct error *error);
  int (*drill)(void *store, struct action_call *call, struct error *error);

  void (*free)(void *store);
};

extern const struct store_driver store_file_driver;
extern const struct store_driver store_etcd_driver;
extern const struct store_driver store_postgresql_driver;

/* True for the name of a driver. */
bool store_is_known(const char *name);

/* The check of a <SwitchStore> block, by its driver. */
int store_check_options(const void *target, struct error *error);

/* VALUE with its "until", ttl_s from now (null where that is 0), as the text
 * that is stored. Returns yours, free(); NULL when memory is short. */
char *store_value_text(const json_t *value, int64_t ttl_s);

/* True if TEXT, what a store holds, was written on behalf of VALUE's host and
 * response; or by nobody of ours. */
bool store_is_ours(const char *text, const json_t *value);

/* When to look after a switch again, so that it does not expire. */
int64_t store_again_ms(int64_t ttl_s);

/* All stores, as one response uses them. */
struct stores;

/* blocks: struct store_options, borrowed. *ret: yours, stores_free().
 * Returns 0; -EINVAL; -ENOMEM. */
int stores_new(const struct option_blocks *blocks, struct stores **ret,
               struct error *error);
void stores_free(struct stores *stores);

/* Put, confirm and drill in every store, also behind one that fails or hangs:
 * each gets its part of the time that is left. Return 0 or the first failure,
 * with the store's name in the error. */
int stores_put(struct stores *stores, const char *name, bool is_on,
               const json_t *value, struct action_call *call,
               struct error *error);
int stores_confirm(struct stores *stores, const char *name, bool is_on,
                   const json_t *value, struct action_call *call,
                   struct error *error);
int stores_drill(struct stores *stores, struct action_call *call,
                 struct error *error);

#endif

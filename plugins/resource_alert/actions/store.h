/* SPDX-License-Identifier: MIT */
/* store: where switches are kept for the application's middleware to read:
 * the configuration centre. Several stores may be in use at once. */
#ifndef RESOURCE_ALERT_ACTIONS_STORE_H
#define RESOURCE_ALERT_ACTIONS_STORE_H

#include "core/option.h"
#include "resource_alert/actions/action.h"

/* One <SwitchStore>; its label names the driver. */
struct store_options {
  struct option_head head;
  char *path; /* file */
};

extern const struct option_block store_block;

struct store_driver {
  const char *name; /* the label */

  /* Returns 0, or -EINVAL when the options do not suffice. */
  int (*check)(const struct store_options *options, struct error *error);

  /* options: borrowed. *ret: yours, free(). Opens nothing yet. */
  int (*new)(const struct store_options *options, void **ret,
             struct error *error);

  /* Makes the switch NAME stand with VALUE, or not stand where VALUE is NULL.
   * As action_driver.set. */
  int (*put)(void *store, const char *name, const json_t *value,
             struct action_call *call, struct error *error);

  /* As action_driver.confirm and .drill. */
  int (*confirm)(void *store, const char *name, bool is_on,
                 struct action_call *call, struct error *error);
  int (*drill)(void *store, struct action_call *call, struct error *error);

  void (*free)(void *store);
};

extern const struct store_driver store_file_driver;

/* All stores, as one response uses them. */
struct stores;

/* blocks: struct store_options, borrowed. *ret: yours, stores_free().
 * Returns 0; -EINVAL; -ENOMEM. */
int stores_new(const struct option_blocks *blocks, struct stores **ret,
               struct error *error);
void stores_free(struct stores *stores);

/* Put, confirm and drill in every store, also behind one that fails.
 * Return 0 or the first failure, with the store's name in the error. */
int stores_put(struct stores *stores, const char *name, const json_t *value,
               struct action_call *call, struct error *error);
int stores_confirm(struct stores *stores, const char *name, bool is_on,
                   struct action_call *call, struct error *error);
int stores_drill(struct stores *stores, struct action_call *call,
                 struct error *error);

#endif

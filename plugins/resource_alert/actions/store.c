/* SPDX-License-Identifier: MIT */
/* store: where switches are kept for the application's middleware to read. */
#include "resource_alert/actions/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct store_driver *const drivers[] = {&store_file_driver};

/* Returns false where there is no driver of that name. */
static bool find_driver(const char *name,
                        const struct store_driver **ret_driver) {
  for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
    if (strcmp(drivers[i]->name, name) == 0) {
      *ret_driver = drivers[i];
      return true;
    }
  }
  return false;
}

static int check_label(const char *label, struct error *error) {
  const struct store_driver *driver;
  return find_driver(label, &driver)
             ? 0
             : error_set(error, -EINVAL, "is no store; allowed: \"file\"");
}

static int check_block(const void *target, struct error *error) {
  const struct store_options *options = target;
  const struct store_driver *driver;
  return find_driver(options->head.label, &driver)
             ? driver->check(options, error)
             : -EINVAL; /* refused with its label */
}

static const struct option rows[] = {
    {.name = "Path",
     .kind = OPTION_STRING,
     .offset = offsetof(struct store_options, path),
     .example = "\"/run/collectd/switches\"",
     .check = action_check_absolute,
     .help = "Of the store C<file>: a directory, made when it is missing. "
             "F<Path/NAME> exists while the switch NAME is on; "
             "F<Path/switches.json> tells of all of them. Best on a tmpfs."},
};

const struct option_block store_block = {
    .name = "SwitchStore",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct store_options),
    .help = "Where switches are kept for the application's middleware to read. "
            "The name is the kind of store: C<file>. With several stores a "
            "switch stands in all of them.",
    .options = rows,
    .options_len = OPTION_COUNT(rows),
    .check_label = check_label,
    .check = check_block,
};

struct stores {
  size_t len;
  struct {
    const struct store_driver *driver;
    void *store;
  } items[];
};

int stores_new(const struct option_blocks *blocks, struct stores **ret,
               struct error *error) {
  const struct store_options *options = blocks->items;
  struct stores *stores =
      calloc(1, sizeof(*stores) + blocks->len * sizeof(stores->items[0]));
  if (stores == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  for (size_t i = 0; i < blocks->len; i++) {
    const struct store_driver *driver;
    int code = find_driver(options[i].head.label, &driver)
                   ? driver->new (&options[i], &stores->items[i].store, error)
                   : -EINVAL;
    if (code != 0) {
      stores_free(stores);
      return code;
    }
    stores->items[i].driver = driver;
    stores->len++;
  }
  *ret = stores;
  return 0;
}

void stores_free(struct stores *stores) {
  for (size_t i = 0; stores != NULL && i < stores->len; i++) {
    stores->items[i].driver->free(stores->items[i].store);
  }
  free(stores);
}

/* Keeps the first failure of several, with the store's name before it. */
static int first_failure(int first, int code, const struct store_driver *driver,
                         struct error *reason, struct error *error) {
  if (first != 0 || code == 0) {
    return first;
  }
  error_prefix(reason, "store \"%s\"", driver->name);
  return error_set(error, code, "%s", reason->text);
}

int stores_put(struct stores *stores, const char *name, const json_t *value,
               struct action_call *call, struct error *error) {
  int first = 0;
  for (size_t i = 0; i < stores->len; i++) {
    struct error reason = {{0}};
    const struct store_driver *driver = stores->items[i].driver;
    int code = driver->put(stores->items[i].store, name, value, call, &reason);
    first = first_failure(first, code, driver, &reason, error);
  }
  return first;
}

int stores_confirm(struct stores *stores, const char *name, bool is_on,
                   struct action_call *call, struct error *error) {
  int first = 0;
  for (size_t i = 0; i < stores->len; i++) {
    struct error reason = {{0}};
    const struct store_driver *driver = stores->items[i].driver;
    int code =
        driver->confirm(stores->items[i].store, name, is_on, call, &reason);
    first = first_failure(first, code, driver, &reason, error);
  }
  return first;
}

int stores_drill(struct stores *stores, struct action_call *call,
                 struct error *error) {
  int first = 0;
  for (size_t i = 0; i < stores->len; i++) {
    struct error reason = {{0}};
    const struct store_driver *driver = stores->items[i].driver;
    int code = driver->drill(stores->items[i].store, call, &reason);
    first = first_failure(first, code, driver, &reason, error);
  }
  return first;
}

/* SPDX-License-Identifier: MIT */
/* store: where switches are kept for the application's middleware to read. */
#include "resource_alert/actions/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/json_util.h"
#include "resource_alert/actions/wish.h"
#include "resource_alert/journal.h"

#define STORE_AGAIN_MS 10000 /* somebody may clean up there */

static const struct store_driver *const drivers[] = {
    &store_file_driver, &store_etcd_driver, &store_postgresql_driver};

/* ---- what all stores do alike ---- */

char *store_value_text(const json_t *value, int64_t ttl_s) {
  char until[WISH_TIME_BYTES];
  json_t *copy = json_deep_copy(value);
  if (copy == NULL) {
    return NULL;
  }
  wish_format_time((int64_t)time(NULL) + ttl_s, until);
  (void)json_object_set_new(copy, "until",
                            ttl_s > 0 ? json_string(until) : json_null());
  char *text = json_dumps(copy, JSON_INDENT(2) | JSON_SORT_KEYS);
  json_decref(copy);
  return text;
}

bool store_is_ours(const char *text, const json_t *value) {
  json_t *held = json_loads(text, 0, NULL);
  const json_t *who = json_object_get(held, "who");
  const json_t *response = json_object_get(held, "response");
  bool is_ours = who == NULL || response == NULL ||
                 (json_equal(who, json_object_get(value, "who")) &&
                  json_equal(response, json_object_get(value, "response")));
  json_decref(held);
  return is_ours;
}

int64_t store_again_ms(int64_t ttl_s) {
  return ttl_s > 0 ? ttl_s * 1000 / 3 : STORE_AGAIN_MS;
}

/* ---- the drivers ---- */

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

bool store_is_known(const char *name) {
  const struct store_driver *driver;
  return find_driver(name, &driver);
}

int store_check_options(const void *target, struct error *error) {
  const struct store_options *options = target;
  const struct store_driver *driver;
  return find_driver(options->head.label, &driver)
             ? driver->check(options, error)
             : -EINVAL; /* refused with its label */
}

struct stores {
  size_t len;
  struct {
    const struct store_driver *driver;
    void *store;
  } items[];
};

static int add_store(struct stores *stores, const struct store_driver *driver,
                     const struct store_options *options, struct error *error) {
  int code = driver->new (options, &stores->items[stores->len].store, error);
  if (code == 0) {
    stores->items[stores->len++].driver = driver;
  }
  return code;
}

int stores_new(const struct option_blocks *blocks, struct stores **ret,
               struct error *error) {
  const struct store_options *options = blocks->items;
  struct stores *stores =
      calloc(1, sizeof(*stores) + blocks->len * sizeof(stores->items[0]));
  if (stores == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = 0;
  for (int pass = 0; pass < 2; pass++) { /* the local ones first */
    for (size_t i = 0; i < blocks->len && code == 0; i++) {
      const struct store_driver *driver;
      if (!find_driver(options[i].head.label, &driver)) {
        code = -EINVAL;
      } else if (driver->is_local == (pass == 0)) {
        code = add_store(stores, driver, &options[i], error);
      }
    }
  }
  if (code != 0) {
    stores_free(stores);
    return code;
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

/* When the I-th store must be done, so that those behind it have time left. */
static int64_t deadline_of(const struct stores *stores, size_t i,
                           int64_t deadline_ms) {
  int64_t now_ms = clock_monotonic_ms();
  return now_ms + (deadline_ms - now_ms) / (int64_t)(stores->len - i);
}

/* The sooner of two times, of which 0 is never. */
static int64_t sooner(int64_t a, int64_t b) {
  return b == 0 || (a != 0 && a < b) ? a : b;
}

/* What is done, not what is only looked after, stands in the journal. */
static void note(const struct action_call *call, const char *step,
                 const struct store_driver *driver, const char *key,
                 json_t *value) {
  if (call->is_refresh) {
    json_decref(value);
    return;
  }
  call->note(call->context, step,
             json_pack("{s:s, s:o}", "store", driver->name, key, value));
}

int stores_put(struct stores *stores, const char *name, bool is_on,
               const json_t *value, struct action_call *call,
               struct error *error) {
  int first = 0;
  int64_t again_in_ms = 0;
  int64_t deadline_ms = call->deadline_ms;
  for (size_t i = 0; i < stores->len; i++) {
    struct error reason = {{0}};
    const struct store_driver *driver = stores->items[i].driver;
    call->again_in_ms = 0;
    call->deadline_ms = deadline_of(stores, i, deadline_ms);
    note(call, "request", driver, "on", json_boolean(is_on));
    int code =
        driver->put(stores->items[i].store, name, is_on, value, call, &reason);
    note(call, "answer", driver, "error",
         code == 0 ? json_null() : json_util_text(reason.text));
    first = first_failure(first, code, driver, &reason, error);
    again_in_ms = sooner(again_in_ms, call->again_in_ms);
  }
  call->again_in_ms = again_in_ms;
  call->deadline_ms = deadline_ms;
  return first;
}

int stores_confirm(struct stores *stores, const char *name, bool is_on,
                   const json_t *value, struct action_call *call,
                   struct error *error) {
  int first = 0;
  int64_t deadline_ms = call->deadline_ms;
  for (size_t i = 0; i < stores->len; i++) {
    struct error reason = {{0}};
    const struct store_driver *driver = stores->items[i].driver;
    call->deadline_ms = deadline_of(stores, i, deadline_ms);
    int code = driver->confirm(stores->items[i].store, name, is_on, value, call,
                               &reason);
    first = first_failure(first, code, driver, &reason, error);
  }
  return first;
}

int stores_drill(struct stores *stores, struct action_call *call,
                 struct error *error) {
  int first = 0;
  int64_t deadline_ms = call->deadline_ms;
  for (size_t i = 0; i < stores->len; i++) {
    struct error reason = {{0}};
    const struct store_driver *driver = stores->items[i].driver;
    call->deadline_ms = deadline_of(stores, i, deadline_ms);
    int code = driver->drill(stores->items[i].store, call, &reason);
    first = first_failure(first, code, driver, &reason, error);
  }
  return first;
}

/* SPDX-License-Identifier: MIT */
/* switch_store: the stores that keep switches for the applications. */
#include "resource_alert/actions/switch_store.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/json_util.h"
#include "resource_alert/journal.h"

#define STORE_AGAIN_MS 10000 /* somebody may clean up there */

static const struct switch_store_driver *const drivers[] = {
    &switch_store_file, &switch_store_etcd, &switch_store_postgresql};

/* ---- what all stores do alike ---- */

char *switch_store_value_text(const json_t *value, int64_t ttl_s) {
  char until[ACTION_TIME_BYTES];
  json_t *copy = json_deep_copy(value);
  if (copy == NULL) {
    return NULL;
  }
  action_format_time((int64_t)time(NULL) + ttl_s, until);
  (void)json_object_set_new(copy, "until",
                            ttl_s > 0 ? json_string(until) : json_null());
  char *text = json_dumps(copy, JSON_INDENT(2) | JSON_SORT_KEYS);
  json_decref(copy);
  return text;
}

bool switch_store_is_ours(const char *text, const json_t *value) {
  json_t *held = json_loads(text, 0, NULL);
  const json_t *who = json_object_get(held, "who");
  const json_t *response = json_object_get(held, "response");
  bool is_ours = who == NULL || response == NULL ||
                 (json_equal(who, json_object_get(value, "who")) &&
                  json_equal(response, json_object_get(value, "response")));
  json_decref(held);
  return is_ours;
}

int64_t switch_store_again_ms(int64_t ttl_s) {
  return ttl_s > 0 ? ttl_s * 1000 / 3 : STORE_AGAIN_MS;
}

/* ---- the drivers ---- */

/* Returns false where there is no driver of that name. */
static bool find_driver(const char *name,
                        const struct switch_store_driver **ret_driver) {
  for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
    if (strcmp(drivers[i]->name, name) == 0) {
      *ret_driver = drivers[i];
      return true;
    }
  }
  return false;
}

bool switch_store_is_known(const char *name) {
  const struct switch_store_driver *driver;
  return find_driver(name, &driver);
}

int switch_store_check_options(const void *target, struct error *error) {
  const struct switch_store_options *options = target;
  const struct switch_store_driver *driver;
  return find_driver(options->head.label, &driver)
             ? driver->check(options, error)
             : -EINVAL; /* refused with its label */
}

struct switch_stores {
  size_t len;
  struct {
    const struct switch_store_driver *driver;
    void *store;
  } items[];
};

static int add_store(struct switch_stores *stores,
                     const struct switch_store_driver *driver,
                     const struct switch_store_options *options,
                     struct error *error) {
  int code = driver->new (options, &stores->items[stores->len].store, error);
  if (code == 0) {
    stores->items[stores->len++].driver = driver;
  }
  return code;
}

int switch_stores_new(const struct option_blocks *blocks,
                      struct switch_stores **ret, struct error *error) {
  const struct switch_store_options *options = blocks->items;
  struct switch_stores *stores =
      calloc(1, sizeof(*stores) + blocks->len * sizeof(stores->items[0]));
  if (stores == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = 0;
  for (int pass = 0; pass < 2; pass++) { /* the local ones first */
    for (size_t i = 0; i < blocks->len && code == 0; i++) {
      const struct switch_store_driver *driver;
      if (!find_driver(options[i].head.label, &driver)) {
        code = -EINVAL;
      } else if (driver->is_local == (pass == 0)) {
        code = add_store(stores, driver, &options[i], error);
      }
    }
  }
  if (code != 0) {
    switch_stores_free(stores);
    return code;
  }
  *ret = stores;
  return 0;
}

void switch_stores_free(struct switch_stores *stores) {
  for (size_t i = 0; stores != NULL && i < stores->len; i++) {
    stores->items[i].driver->free(stores->items[i].store);
  }
  free(stores);
}

/* Keeps the first failure of several, with the store's name before it. */
static int first_failure(int first, int code,
                         const struct switch_store_driver *driver,
                         struct error *reason, struct error *error) {
  if (first != 0 || code == 0) {
    return first;
  }
  error_prefix(reason, "store \"%s\"", driver->name);
  return error_set(error, code, "%s", reason->text);
}

/* When the I-th store must be done, so that those behind it have time left. */
static int64_t deadline_of(const struct switch_stores *stores, size_t i,
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
                 const struct switch_store_driver *driver, const char *key,
                 json_t *value) {
  if (call->is_refresh) {
    json_decref(value);
    return;
  }
  call->note(call->context, step,
             json_pack("{s:s, s:o}", "store", driver->name, key, value));
}

int switch_stores_put(struct switch_stores *stores, const char *name,
                      bool is_on, const json_t *value, struct action_call *call,
                      struct error *error) {
  int first = 0;
  int64_t again_in_ms = 0;
  int64_t deadline_ms = call->deadline_ms;
  for (size_t i = 0; i < stores->len; i++) {
    struct error reason = {{0}};
    const struct switch_store_driver *driver = stores->items[i].driver;
    call->again_in_ms = 0;
    call->deadline_ms = deadline_of(stores, i, deadline_ms);
    note(call, "request", driver, "on", json_boolean(is_on));
    int code =
        driver->put(stores->items[i].store, name, is_on, value, call, &reason);
    note(call, "response", driver, "error",
         code == 0 ? json_null() : json_util_text(reason.text));
    first = first_failure(first, code, driver, &reason, error);
    again_in_ms = sooner(again_in_ms, call->again_in_ms);
  }
  call->again_in_ms = again_in_ms;
  call->deadline_ms = deadline_ms;
  return first;
}

int switch_stores_confirm(struct switch_stores *stores, const char *name,
                          bool is_on, const json_t *value,
                          struct action_call *call, struct error *error) {
  int first = 0;
  int64_t deadline_ms = call->deadline_ms;
  for (size_t i = 0; i < stores->len; i++) {
    struct error reason = {{0}};
    const struct switch_store_driver *driver = stores->items[i].driver;
    call->deadline_ms = deadline_of(stores, i, deadline_ms);
    int code = driver->confirm(stores->items[i].store, name, is_on, value, call,
                               &reason);
    first = first_failure(first, code, driver, &reason, error);
  }
  return first;
}

int switch_stores_self_test(struct switch_stores *stores,
                            struct action_call *call, struct error *error) {
  int first = 0;
  int64_t deadline_ms = call->deadline_ms;
  for (size_t i = 0; i < stores->len; i++) {
    struct error reason = {{0}};
    const struct switch_store_driver *driver = stores->items[i].driver;
    call->deadline_ms = deadline_of(stores, i, deadline_ms);
    int code = driver->self_test(stores->items[i].store, call, &reason);
    first = first_failure(first, code, driver, &reason, error);
  }
  return first;
}

#define FIELD(name) offsetof(struct switch_store_options, name)

/* A name of SQL as it can stand in a statement: letters, digits and '_', with
 * one '.' between schema and table. */
static int check_identifier(const char *value, struct error *error) {
  size_t dots = 0;
  size_t part = 0;
  for (const char *c = value; *c != '\0'; c++) {
    bool is_plain =
        (unsigned char)*c < 0x80 && (isalpha((unsigned char)*c) || *c == '_' ||
                                     (part > 0 && isdigit((unsigned char)*c)));
    if (*c == '.' && part > 0 && dots == 0) {
      dots++;
      part = 0;
    } else if (!is_plain || ++part > 63) {
      part = 0;
      break;
    }
  }
  return part > 0 ? 0
                  : error_set(error, -EINVAL,
                              "may hold letters, digits and '_', and a '.' "
                              "between schema and name");
}

static int check_prefix(const char *value, struct error *error) {
  for (const char *c = value; *c != '\0'; c++) {
    unsigned char one = (unsigned char)*c;
    if (one >= 0x80 || (!isalnum(one) && strchr("/_-.", *c) == NULL)) {
      return error_set(error, -EINVAL,
                       "may hold letters, digits, '/', '_', '-' and '.'");
    }
  }
  return 0;
}

static const struct option option_rows[] = {
    {.name = "TTL",
     .kind = OPTION_INTEGER,
     .offset = FIELD(ttl_s),
     .min = 0,
     .max = 86400,
     .default_text = "60",
     .unit = "seconds",
     .help = "A switch expires so long after collectd has looked after it the "
             "last time, which it does every third of that: should collectd "
             "or its machine die, the application recovers by itself. etcd "
             "takes the key away then; in the other stores readers have to "
             "treat a switch whose C<until> has passed as off. 0: never."},
    {.name = "Path",
     .kind = OPTION_STRING,
     .offset = FIELD(path),
     .example = "\"/run/collectd/switches\"",
     .check = action_check_absolute,
     .help = "Of C<file>: a directory, made when it is missing. F<Path/NAME> "
             "exists while the switch NAME is on; F<Path/switches.json> tells "
             "of all of them. Best on a tmpfs, where a restart of the machine "
             "forgets them."},
    {.name = "URL",
     .kind = OPTION_STRINGS,
     .offset = FIELD(urls),
     .example = "\"http://127.0.0.1:2379\"",
     .help = "Of C<etcd>: the endpoints of one cluster; the next one is asked "
             "where one does not answer."},
    {.name = "Prefix",
     .kind = OPTION_STRING,
     .offset = FIELD(prefix),
     .default_text = "/degradation/",
     .check = check_prefix,
     .help = "Of C<etcd>: stands before the name of the switch in its key."},
    {.name = "User",
     .kind = OPTION_STRING,
     .offset = FIELD(user),
     .help = "Of C<etcd> and C<postgresql>: who logs in."},
    {.name = "PasswordFile",
     .kind = OPTION_STRING,
     .offset = FIELD(password_file),
     .check = action_check_absolute,
     .help = "Of C<etcd>: the user's password, in a file that others cannot "
             "read."},
    HTTP_CLIENT_OPTION_ROWS(switch_store_options, http),
    {.name = "Host",
     .kind = OPTION_STRING,
     .offset = FIELD(host),
     .help = "Of C<postgresql>: a host, or the directory of the Unix socket."},
    {.name = "Port",
     .kind = OPTION_INTEGER,
     .offset = FIELD(port),
     .min = 1,
     .max = 65535,
     .default_text = "5432",
     .help = "Of C<postgresql>: the server's port."},
    {.name = "Database",
     .kind = OPTION_STRING,
     .offset = FIELD(database),
     .example = "\"trading\"",
     .help = "Of C<postgresql>: the database that has the table."},
    {.name = "PassFile",
     .kind = OPTION_STRING,
     .offset = FIELD(pass_file),
     .check = action_check_absolute,
     .help = "Of C<postgresql>: a pgpass file."},
    {.name = "SSLMode",
     .kind = OPTION_STRING,
     .offset = FIELD(ssl_mode),
     .help = "Of C<postgresql>: libpq's sslmode, for instance C<verify-full>."},
    {.name = "Table",
     .kind = OPTION_STRING,
     .offset = FIELD(table),
     .default_text = "degradation_switch",
     .check = check_identifier,
     .help = "Of C<postgresql>: the table, made by "
             "F<degradation_switch.sql> of the examples."},
    {.name = "Channel",
     .kind = OPTION_STRING,
     .offset = FIELD(channel),
     .default_text = "degradation",
     .check = check_identifier,
     .help = "Of C<postgresql>: each change is told with NOTIFY on this "
             "channel, the payload being the switch as JSON."},
};

static int check_label(const char *label, struct error *error) {
  return switch_store_is_known(label)
             ? 0
             : error_set(error, -EINVAL,
                         "is no store; allowed: \"file\", \"etcd\", "
                         "\"postgresql\"");
}

const struct option_block switch_store_block = {
    .name = "SwitchStore",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct switch_store_options),
    .help = "Where switches are kept for the application's middleware to read. "
            "The name is the kind of store: C<file>, C<etcd> or C<postgresql>. "
            "With several stores a switch stands in all of them: in C<file> "
            "first, and the others get each its part of the switch's "
            "B<Timeout>.",
    .options = option_rows,
    .options_len = OPTION_COUNT(option_rows),
    .check_label = check_label,
    .check = switch_store_check_options,
};

/* SPDX-License-Identifier: MIT */
/* switch_store: the stores that keep switches for the applications.
 *
 * Each switch has its own store with its own connection, so that no lock is
 * needed and a store that hangs delays no other switch and no other store. */
#include "resource_alert/actions/switch_store.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/json_util.h"
#include "core/pg_exchange.h"
#include "resource_alert/clients/kubernetes.h"

#define STORE_AGAIN_MS 10000 /* a person may have removed the switch */

static const struct switch_store_driver *const drivers[] = {
    &switch_store_file,  &switch_store_etcd, &switch_store_postgresql,
    &switch_store_redis, &switch_store_http, &switch_store_kubernetes};

/* ---- for the drivers ---- */

char *switch_store_format_value(const json_t *value, int64_t ttl_s) {
  char until[ACTION_TIME_BYTES];
  json_t *copy = json_deep_copy(value);
  if (copy == NULL) {
    return NULL;
  }
  action_format_time((int64_t)time(NULL) + ttl_s, until);
  (void)json_object_set_new(copy, "until",
                            ttl_s > 0 ? json_string(until) : json_null());
  char *text = json_util_dump(copy, JSON_INDENT(2) | JSON_SORT_KEYS);
  json_decref(copy);
  return text;
}

/* An earlier version wrote no owner, and a daemon without a StateDir marks its
 * switches with its host. */
static bool has_same_owner(const json_t *held, const json_t *value) {
  char marked[ACTION_OWNER_BYTES];
  const char *who = json_string_value(json_object_get(held, "who"));
  const char *response = json_string_value(json_object_get(held, "response"));
  const char *owner = json_string_value(json_object_get(held, "owner"));
  (void)snprintf(marked, sizeof(marked), "%s/%s", who == NULL ? "" : who,
                 response == NULL ? "" : response);
  bool is_by_name = owner == NULL || strcmp(owner, marked) == 0;
  return json_util_has_same_member(held, value, "owner") ||
         (is_by_name && json_util_has_same_member(held, value, "who") &&
          json_util_has_same_member(held, value, "response"));
}

/* jansson ignores some failed allocations: it then fails to parse valid text,
 * or cuts a string. What an agent wrote is valid, and TEXT with VALUE's owner
 * in it is VALUE's. */
static bool is_read_wrong(const char *text, const json_t *held, bool is_ours,
                          const json_t *value) {
  const char *owner = json_string_value(json_object_get(value, "owner"));
  return held == NULL
             ? strstr(text, "\"response\"") != NULL
             : !is_ours && owner != NULL && strstr(text, owner) != NULL;
}

int switch_store_is_ours(const char *text, const json_t *value,
                         struct error *error) {
  json_t *held = json_loads(text, 0, NULL);
  bool is_ours = has_same_owner(held, value);
  bool is_wrong = is_read_wrong(text, held, is_ours, value);
  json_decref(held);
  return is_wrong ? error_set(error, -ENOMEM,
                              "the switch that is there cannot be parsed: out "
                              "of memory, or it was edited")
                  : is_ours;
}

int switch_store_compare_owner(const char *text, const json_t *value,
                               struct action_call *call) {
  char holder[ACTION_FINDING_BYTES];
  int is_ours = switch_store_is_ours(text, value, call->error);
  if (is_ours == 0) {
    switch_store_format_holder(text, holder, sizeof(holder));
    (void)action_call_set_outcome(call, ACTION_LEFT_ALONE, "%s", holder);
  }
  return is_ours;
}

void switch_store_format_holder(const char *text, char *holder, size_t bytes) {
  json_t *held = json_loads(text, 0, NULL);
  const char *who = json_string_value(json_object_get(held, "who"));
  const char *response = json_string_value(json_object_get(held, "response"));
  if (who != NULL && response != NULL) {
    (void)snprintf(holder, bytes, "is held by %s, response \"%s\"", who,
                   response);
  } else {
    (void)snprintf(holder, bytes, "was not set by an agent");
  }
  json_decref(held);
}

bool switch_store_is_expired(const char *text) {
  char now[ACTION_TIME_BYTES];
  json_t *held = json_loads(text, 0, NULL);
  const char *until = json_string_value(json_object_get(held, "until"));
  action_format_time((int64_t)time(NULL), now);
  bool is_expired = until != NULL && json_object_get(held, "who") != NULL &&
                    strlen(until) == strlen(now) && strcmp(until, now) < 0;
  json_decref(held);
  return is_expired;
}

int64_t switch_store_refresh_in_ms(int64_t ttl_s) {
  return ttl_s > 0 ? ttl_s * 1000 / 3 : STORE_AGAIN_MS;
}

/* ---- the drivers ---- */

/* NULL where there is no driver of that name. */
static const struct switch_store_driver *find_store_driver(const char *name) {
  for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
    if (strcmp(drivers[i]->name, name) == 0) {
      return drivers[i];
    }
  }
  return NULL;
}

bool switch_store_needs_kubernetes(const struct switch_store_options *options) {
  return strcmp(options->head.label, switch_store_kubernetes.name) == 0;
}

int switch_store_new(const struct switch_store_options *options,
                     struct kubernetes *kubernetes, struct switch_store **ret,
                     struct error *error) {
  const struct switch_store_driver *driver =
      find_store_driver(options->head.label);
  struct switch_store *store = driver == NULL ? NULL : calloc(1, driver->size);
  if (store == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  *store = (struct switch_store){driver, options, kubernetes};
  int code = driver->init(store, error);
  if (code != 0) {
    switch_store_free(store);
    return code;
  }
  *ret = store;
  return 0;
}

void switch_store_free(struct switch_store *store) {
  if (store != NULL && store->driver->fini != NULL) {
    store->driver->fini(store);
  }
  free(store);
}

/* A name that is safe in an SQL statement: letters, digits and '_', with
 * one '.' between schema and table. */
static int check_sql_name(const char *value, struct error *error) {
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

/* The prefix becomes a part of the key. Control characters and spaces would
 * make keys that nobody can type. */
static int check_key_prefix(const char *value, struct error *error) {
  for (const char *c = value; *c != '\0'; c++) {
    unsigned char one = (unsigned char)*c;
    if (one >= 0x80 || (!isalnum(one) && strchr("/_-.", *c) == NULL)) {
      return error_set(error, -EINVAL,
                       "may hold letters, digits, '/', '_', '-' and '.'");
    }
  }
  return 0;
}

/* libpq's other words choose a server that cannot be written to. */
static int check_session_attributes(const char *value, struct error *error) {
  return strcmp(value, "any") == 0 || strcmp(value, "read-write") == 0 ||
                 strcmp(value, "primary") == 0
             ? 0
             : error_set(error, -EINVAL,
                         "must be \"any\", \"read-write\" or \"primary\"");
}

static const struct option option_rows[] = {
    {OPTION("TTL", INTEGER, struct switch_store_options, ttl_s), .min = 0,
     .max = 86400, .default_text = "60", .unit = "seconds",
     .help =
         "Time that a switch is valid. The plugin renews it every TTL/3 "
         "seconds. If collectd or its machine dies, the switch expires. etcd "
         "deletes an expired key. In the other stores, applications must treat "
         "a switch as off when its C<until> has passed. 0: a switch never "
         "expires."},
    {OPTION("Path", STRING, struct switch_store_options, path),
     .example = "\"/run/collectd/switches\"",
     .check = option_check_absolute_path,
     .help = "For C<file>: the directory of the switches. It is created if it "
             "is missing. F<Path/NAME> exists while the switch NAME is on. "
             "F<Path/switches.json> contains all switches that are on. Use a "
             "tmpfs, so that a reboot removes the switches."},
    {OPTION("Readers", BOOLEAN, struct switch_store_options, has_readers),
     .default_text = "true",
     .help = "For C<file>: make F<Path/.readers>, a directory that every user "
             "can write to, as F</tmp>. Applications leave a mark there while "
             "they read the switches, and the status shows them."},
    {OPTION("URL", STRINGS, struct switch_store_options, urls),
     .example = "\"http://127.0.0.1:2379\"",
     .help = "For C<etcd>: the endpoints of one cluster. If an endpoint does "
             "not respond, the next one is tried. For C<redis>: "
             "C<redis://HOST:PORT>, one."},
    {OPTION("Prefix", STRING, struct switch_store_options, prefix),
     .default_text = "/degradation/", .check = check_key_prefix,
     .help = "For C<etcd> and C<redis>: the prefix of the keys. The name of "
             "the switch "
             "name."},
    {OPTION("User", STRING, struct switch_store_options, user),
     .help = "For C<etcd>, C<postgresql> and C<redis>: the user to log in as."},
    {OPTION("PasswordFile", STRING, struct switch_store_options, password_file),
     .check = option_check_absolute_path,
     .help = "For C<etcd> and C<redis>: a file with the user's password. "
             "Others must not be "
             "able to read it."},
    {OPTION("Namespace", STRING, struct switch_store_options, space),
     .example = "\"trading\"", .check = kubernetes_check_name,
     .help = "For C<kubernetes>: the namespace of the ConfigMap."},
    {OPTION("ConfigMap", STRING, struct switch_store_options, config_map),
     .example = "\"degradation\"", .check = kubernetes_check_name,
     .help = "For C<kubernetes>: the ConfigMap, which must exist. A switch "
             "that is on is a key in it. B<E<lt>KubernetesE<gt>> says how to "
             "reach the API."},
    {OPTION("On", STRINGS, struct switch_store_options, on),
     .example = "\"PUT\" \"http://127.0.0.1:8500/v1/kv/%{name}\" \"%{value}\"",
     .help = "For C<http>: the method, the URL and perhaps the body that "
             "switch a switch on. C<%{name}> is its name, C<%{value}> its "
             "JSON, C<%{value:url}> and C<%{value:json}> the same for a form "
             "and for a string of JSON. In the URL all are escaped."},
    {OPTION("Off", STRINGS, struct switch_store_options, off),
     .example = "\"DELETE\" \"http://127.0.0.1:8500/v1/kv/%{name}\"",
     .help = "For C<http>: the same to switch it off."},
    {OPTION("Read", STRINGS, struct switch_store_options, read),
     .example = "\"GET\" \"http://127.0.0.1:8500/v1/kv/%{name}?raw\"",
     .help = "For C<http>: the same to read it. The body of the response is "
             "what B<On> has stored; empty, or the status 404: it is off."},
    {OPTION("ReadMember", STRING, struct switch_store_options, read_member),
     .example = "\"value\"",
     .help = "For C<http>: the response is JSON, and this member, C<a.b> for "
             "one in another, has what was stored, or true or false. With "
             "true or false a switch that the response has not switched on "
             "itself is left alone."},
    {OPTION("Publish", STRINGS, struct switch_store_options, publish),
     .help = "For C<http>: a further request after B<On> and B<Off>, for a "
             "centre that has to be asked to release a change."},
    {OPTION("HeaderFile", STRING, struct switch_store_options, header_file),
     .check = option_check_absolute_path,
     .help = "For C<http>: a file with further headers, for example a token, "
             "one C<Name: value> a line. Others must not be able to read it."},
    HTTP_CLIENT_OPTION_ROWS(switch_store_options, http),
    {OPTION("Host", STRING, struct switch_store_options, host),
     .help = "For C<postgresql>: a host, or the directory of the Unix socket. "
             "Up to 8 of them, separated by commas without spaces: they are "
             "tried in turn and share the time. A PgBouncer in front must pool "
             "transactions or sessions, not statements."},
    {OPTION("Port", INTEGER, struct switch_store_options, port), .min = 1,
     .max = 65535, .default_text = "5432",
     .help = "For C<postgresql>: the server's port."},
    {OPTION("Database", STRING, struct switch_store_options, database),
     .example = "\"trading\"",
     .help = "For C<postgresql>: the database that contains the table."},
    {OPTION("PassFile", STRING, struct switch_store_options, pass_file),
     .check = pg_exchange_check_pass_file,
     .help = "For C<postgresql>: a file with the password, in the format of "
             "F<.pgpass>. Others must not be able to read it."},
    {OPTION("SSLMode", STRING, struct switch_store_options, ssl_mode),
     .help = "For C<postgresql>: libpq's sslmode, for example C<verify-full>. "
             "It is required for a host that is another machine."},
    {OPTION("TargetSessionAttrs", STRING, struct switch_store_options,
            target_session_attrs),
     .check = check_session_attributes,
     .help = "For C<postgresql>: which of the hosts is used, in libpq's words: "
             "C<any>, C<read-write> or C<primary>. By default C<read-write> if "
             "B<Host> is a list, else C<any>. C<primary> needs libpq 14."},
    {OPTION("Table", STRING, struct switch_store_options, table),
     .default_text = "degradation_switch", .check = check_sql_name,
     .help = "For C<postgresql>: the table. The example "
             "F<degradation_switch.sql> creates it."},
    {OPTION("Channel", STRING, struct switch_store_options, channel),
     .default_text = "degradation", .check = check_sql_name,
     .help = "The channel on which each change is sent, as JSON: for "
             "C<postgresql> with NOTIFY, for C<redis> with PUBLISH."},
};

/* The label selects the driver, so that each kind of store can be there
 * once. */
static int check_store_name(const char *label, struct error *error) {
  return find_store_driver(label) != NULL
             ? 0
             : error_set(error, -EINVAL,
                         "is not a kind of store; allowed: \"file\", \"etcd\", "
                         "\"postgresql\", \"redis\", \"http\", "
                         "\"kubernetes\"");
}

/* Each driver knows which of the options it needs. */
static int check_store_block(const void *target, struct error *error) {
  const struct switch_store_options *options = target;
  const struct switch_store_driver *driver =
      find_store_driver(options->head.label);
  return driver == NULL ? -EINVAL /* refused with its label */
                        : driver->check(options, error);
}

const struct option_block switch_store_block = {
    .name = "SwitchStore",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct switch_store_options),
    .help = "A store in which applications read the switches. NAME is the kind "
            "of store: C<file>, C<etcd>, C<postgresql>, C<redis>, C<http> "
            "or C<kubernetes>. If there are several stores, each switch is "
            "written to all of them at the same time, "
            "and each store has the B<Timeout> of the switch for itself: a "
            "store that hangs delays no other one. Each switch has a "
            "connection of its own to each store.",
    OPTION_ROWS(option_rows),
    .check_label = check_store_name,
    .check = check_store_block,
};

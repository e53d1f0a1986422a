/* SPDX-License-Identifier: MIT */
/* store_options: what a <SwitchStore> may hold. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "resource_alert/actions/store.h"

#define FIELD(name) offsetof(struct store_options, name)

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
    HTTP_OPTION_ROWS(store_options, http),
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
  return store_is_known(label)
             ? 0
             : error_set(error, -EINVAL,
                         "is no store; allowed: \"file\", \"etcd\", "
                         "\"postgresql\"");
}

const struct option_block store_block = {
    .name = "SwitchStore",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct store_options),
    .help = "Where switches are kept for the application's middleware to read. "
            "The name is the kind of store: C<file>, C<etcd> or C<postgresql>. "
            "With several stores a switch stands in all of them: in C<file> "
            "first, and the others get each its part of the switch's "
            "B<Timeout>.",
    .options = option_rows,
    .options_len = OPTION_COUNT(option_rows),
    .check_label = check_label,
    .check = store_check_options,
};

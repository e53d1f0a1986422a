/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin dbpool> block may hold. */
#include "dbpool/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define YEAR_S (366.0 * 86400)

const char *const endpoint_ssl_modes[] = {
    "default", "disable",   "allow",       "prefer",
    "require", "verify-ca", "verify-full", NULL,
};

static const char *const pool_orders[] = {"any", "fifo", NULL};

/* libpq itself only warns on standard error, which a daemon does not have, and
 * then goes on without the password. */
static int check_pass_file(const char *value, struct error *error) {
  struct stat status;
  if (value[0] != '/') {
    return error_set(error, -EINVAL, "must be an absolute path");
  }
  if (stat(value, &status) != 0) {
    return 0; /* said when it is missed: at the first connection */
  }
  if (!S_ISREG(status.st_mode)) {
    return error_set(error, -EINVAL, "is not a plain file");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return error_set(error, -EPERM,
                     "may be read by others (mode %04o); chmod 0600 it",
                     (unsigned)status.st_mode & 07777U);
  }
  return 0;
}

static int check_processes(const char *value, struct error *error) {
  if (strcmp(value, "auto") == 0) {
    return 0;
  }
  char *rest = NULL;
  long number = strtol(value, &rest, 10);
  if (rest == value || *rest != '\0' || number < 1 || number > 10000) {
    return error_set(error, -EINVAL,
                     "is neither \"auto\" nor a number from 1 to 10000");
  }
  return 0;
}

/* The option_rows of an endpoint in the struct TYPE, which calls it endpoint.
 */
#define ENDPOINT_OPTION_ROWS(type, default_port)                               \
  {.name = "Host",                                                             \
   .kind = OPTION_STRING,                                                      \
   .offset = offsetof(type, endpoint.host),                                    \
   .example = "\"/run/postgresql\"",                                           \
   .help = "Host name, address, or the directory of the server's Unix "        \
           "socket. Default: what libpq takes, on Debian "                     \
           "F</var/run/postgresql>."},                                         \
      {.name = "Port",                                                         \
       .kind = OPTION_INTEGER,                                                 \
       .offset = offsetof(type, endpoint.port),                                \
       .min = 1,                                                               \
       .max = 65535,                                                           \
       .example = (default_port),                                              \
       .help = "Port of the server, or the number in its socket's name. "      \
               "Default: that of the service, or C<" default_port ">."},       \
      {.name = "Service",                                                      \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(type, endpoint.service),                             \
       .example = "\"monitor\"",                                               \
       .help = "Section of F<pg_service.conf> with the connection's "          \
               "settings; B<Host>, B<Port>, B<Database> and B<User> are then " \
               "taken from there unless they are given here."},                \
      {.name = "Database",                                                     \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(type, endpoint.database),                            \
       .example = "\"trading\"",                                               \
       .help = "Name of the database. In a B<Pool> it is also the one whose "  \
               "sessions count. Default: libpq's, which is the name of the "   \
               "user; in a B<PgBouncer> block C<pgbouncer>."},                 \
      {.name = "User",                                                         \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(type, endpoint.user),                                \
       .example = "\"collectd\"",                                              \
       .help = "Role to log in as. On PostgreSQL it wants C<GRANT "            \
               "pg_monitor>, without which the state of foreign sessions is "  \
               "hidden; on PgBouncer membership in C<stats_users>."},          \
      {.name = "PassFile",                                                     \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(type, endpoint.pass_file),                           \
       .check = check_pass_file,                                               \
       .example = "\"/etc/collectd/pgpass\"",                                  \
       .help = "File with the password, in the format of F<.pgpass>. It is "   \
               "refused where group or others may read it. There is no "       \
               "option for the password itself."},                             \
      {.name = "SSLMode",                                                      \
       .kind = OPTION_WORD,                                                    \
       .offset = offsetof(type, endpoint.ssl_mode),                            \
       .words = endpoint_ssl_modes,                                            \
       .default_text = "default",                                              \
       .help = "How much TLS is demanded. Across a network use "               \
               "C<verify-full>, the only mode that makes sure of the "         \
               "server. C<default>: what the service says, or else "           \
               "C<prefer>."},                                                  \
      {.name = "SSLRootCert",                                                  \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(type, endpoint.ssl_root_cert),                       \
       .example = "\"/etc/ssl/certs/ca.pem\"",                                 \
       .help = "Certificates of the authorities that may have signed the "     \
               "server's certificate."},                                       \
      {.name = "SSLCert",                                                      \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(type, endpoint.ssl_cert),                            \
       .example = "\"/etc/collectd/client.pem\"",                              \
       .help = "Certificate to log in with."},                                 \
      {.name = "SSLKey",                                                       \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(type, endpoint.ssl_key),                             \
       .example = "\"/etc/collectd/client.key\"",                              \
       .help = "Private key of B<SSLCert>."},                                  \
  {                                                                            \
    .name = "Timeout", .kind = OPTION_NUMBER,                                  \
    .offset = offsetof(type, endpoint.timeout_s), .min = 0.1, .max = 60,       \
    .default_text = "2", .unit = "seconds",                                    \
    .help = "For connecting and asking together. A server that does not "      \
            "answer in time is reported as down. A read waits no longer "      \
            "than half of the interval, or a second, for it; the rest goes "   \
            "on behind."                                                       \
  }

static const struct option pool_rows[] = {
    ENDPOINT_OPTION_ROWS(struct pool_options, "5432"),
    {.name = "Application",
     .kind = OPTION_STRINGS,
     .offset = offsetof(struct pool_options, applications),
     .example = "\"trading-api\"",
     .help = "Patterns of the application_name of the pool's sessions, with "
             "the wildcards of the shell. Default: every name. SQLAlchemy sets "
             "it by C<connect_args={\"application_name\": \"trading-api\"}>."},
    {.name = "Role",
     .kind = OPTION_STRINGS,
     .offset = offsetof(struct pool_options, roles),
     .example = "\"trading\"",
     .help = "Patterns of the role that the pool's sessions log in as. "
             "Default: every role."},
    {.name = "PoolSize",
     .kind = OPTION_INTEGER,
     .offset = offsetof(struct pool_options, size),
     .min = 1,
     .max = 100000,
     .default_text = "5",
     .unit = "connections",
     .help = "The application's C<pool_size>: what a pool keeps open."},
    {.name = "MaxOverflow",
     .kind = OPTION_INTEGER,
     .offset = offsetof(struct pool_options, max_overflow),
     .min = -1,
     .max = 100000,
     .default_text = "10",
     .unit = "connections",
     .help = "The application's C<max_overflow>: what a pool opens beyond "
             "B<PoolSize> under pressure. -1 for no limit; then what the "
             "server has left is the capacity."},
    {.name = "PoolRecycle",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct pool_options, recycle_s),
     .min = -1,
     .max = YEAR_S,
     .default_text = "-1",
     .unit = "seconds",
     .help = "The application's C<pool_recycle>. A session that was used "
             "when it was older than this and B<LeakAfter> together is counted "
             "as C<recycle_overdue>. -1 for a pool that does not recycle."},
    {.name = "PoolTimeout",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct pool_options, timeout_s),
     .min = 0,
     .max = 86400,
     .default_text = "30",
     .unit = "seconds",
     .help = "The application's C<pool_timeout>: how long a request waits for "
             "a connection before it fails. Nothing on the server shows such "
             "waiting; the value is compared with what the application's log "
             "says when it gives up."},
    {.name = "Processes",
     .kind = OPTION_STRING,
     .offset = offsetof(struct pool_options, processes),
     .check = check_processes,
     .default_text = "1",
     .example = "\"4\"",
     .help = "Number of worker processes, each of which has a pool of its "
             "own; or C<\"auto\">: as many as distinct client addresses are "
             "seen, and as distinct processes on this host, through the "
             "loopback interface or a Unix socket. Seeing whose they are takes "
             "Linux and root; elsewhere they count as one process: with "
             "several, give a number."},
    {.name = "LeakAfter",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct pool_options, leak_after_s),
     .min = 0.1,
     .max = YEAR_S,
     .default_text = "300",
     .unit = "seconds",
     .help = "A session that is idle in a transaction for longer, or provably "
             "held and silent for longer, counts as leaked."},
    {.name = "PoolOrder",
     .kind = OPTION_WORD,
     .offset = offsetof(struct pool_options, order),
     .words = pool_orders,
     .default_text = "any",
     .help = "C<\"fifo\">: the pool hands out the connection that has rested "
             "longest, as SQLAlchemy's QueuePool does unless C<pool_use_lifo> "
             "is set. A session that others overtake is then known to be held "
             "although it is silent and in no transaction. Only for "
             "B<Processes> 1."},
    {.name = "ForecastWindow",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct pool_options, forecast_window_s),
     .min = 1,
     .max = 7 * 86400,
     .default_text = "900",
     .unit = "seconds",
     .help = "How far back the trend is taken from that foretells when the "
             "pool is exhausted."},
    {.name = "LeakNotificationsPerMinute",
     .kind = OPTION_INTEGER,
     .offset = offsetof(struct pool_options, suspects_per_minute),
     .min = 0,
     .max = 1000,
     .default_text = "6",
     .unit = "notifications",
     .help = "The most notifications a minute about suspected leaks of this "
             "pool. 0 for none."},
};

static const struct option_block pool_block = {
    .name = "Pool",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct pool_options),
    .help = "An application's connection pool, seen from its PostgreSQL "
            "server. Pools with the same connection settings share one session "
            "on the server and one query.",
    .options = pool_rows,
    .options_len = OPTION_COUNT(pool_rows),
};

static const struct option bouncer_rows[] = {
    ENDPOINT_OPTION_ROWS(struct bouncer_options, "6432"),
};

static const struct option_block bouncer_block = {
    .name = "PgBouncer",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct bouncer_options),
    .help = "The pools of a PgBouncer, seen from its console.",
    .options = bouncer_rows,
    .options_len = OPTION_COUNT(bouncer_rows),
};

static const struct option option_rows[] = {
    {.name = "Pool",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct dbpool_options, pools),
     .block = &pool_block},
    {.name = "PgBouncer",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct dbpool_options, bouncers),
     .block = &bouncer_block},
};

static int check_names(const void *target, struct error *error) {
  const struct dbpool_options *options = target;
  const struct pool_options *pools = options->pools.items;
  const struct bouncer_options *bouncers = options->bouncers.items;
  for (size_t i = 0; i < options->pools.len; i++) {
    for (size_t j = 0; j < options->bouncers.len; j++) {
      if (strcmp(pools[i].head.label, bouncers[j].head.label) == 0) {
        return error_set(error, -EINVAL,
                         "<Pool \"%s\"> and <PgBouncer \"%s\"> would send the "
                         "same values; give each a name of its own",
                         pools[i].head.label, bouncers[j].head.label);
      }
    }
  }
  return 0;
}

const struct option_block dbpool_options = {
    .name = "dbpool",
    .size = sizeof(struct dbpool_options),
    .help = "How full connection pools are, what leaks from them and when they "
            "run dry, seen from PostgreSQL or from PgBouncer.",
    .options = option_rows,
    .options_len = OPTION_COUNT(option_rows),
    .check = check_names,
};

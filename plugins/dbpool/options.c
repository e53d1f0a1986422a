/* SPDX-License-Identifier: MIT */
/* options: the configuration of dbpool. */
#include "dbpool/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pg_exchange.h"

#define YEAR_S (366.0 * 86400)

const char *const dbpool_ssl_modes[] = {
    "default", "disable",   "allow",       "prefer",
    "require", "verify-ca", "verify-full", NULL,
};

static const char *const pool_orders[] = {"any", "fifo", NULL};

/* A number or "auto", so the option is a string. */
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

/* The options of an endpoint in the struct TYPE, whose member it is. */
#define ENDPOINT_OPTIONS(type, default_port)                                   \
  {OPTION("Host", STRING, type, endpoint.host),                                \
   .example = "\"/run/postgresql\"",                                           \
   .help = "Host name, address, or the directory of the server's Unix "        \
           "socket. The default is libpq's: on Debian "                        \
           "F</var/run/postgresql>."},                                         \
      {OPTION("Port", INTEGER, type, endpoint.port), .min = 1, .max = 65535,   \
       .example = (default_port),                                              \
       .help = "Port of the server, or the number in the name of its Unix "    \
               "socket. The default is that of the service, or "               \
               "C<" default_port ">."},                                        \
      {OPTION("Service", STRING, type, endpoint.service),                      \
       .example = "\"monitor\"",                                               \
       .help = "Section of F<pg_service.conf> with the connection settings. "  \
               "B<Host>, B<Port>, B<Database> and B<User> override it."},      \
      {OPTION("Database", STRING, type, endpoint.database),                    \
       .example = "\"trading\"",                                               \
       .help = "Name of the database. In a B<Pool>, only sessions on this "    \
               "database are counted. The default is the name of the user; "   \
               "in a B<PgBouncer> block it is C<pgbouncer>."},                 \
      {OPTION("User", STRING, type, endpoint.user), .example = "\"collectd\"", \
       .help =                                                                 \
           "Role to log in as. On PostgreSQL it needs C<GRANT pg_monitor>; "   \
           "without this grant the state of other roles' sessions is hidden. " \
           "On PgBouncer the role must be listed in C<stats_users>."},         \
      {OPTION("PassFile", STRING, type, endpoint.pass_file),                   \
       .check = pg_exchange_check_pass_file,                                   \
       .example = "\"/etc/collectd/pgpass\"",                                  \
       .help = "File with the password, in the format of F<.pgpass>. The "     \
               "file is refused if its group or others have access to it. "    \
               "There is no option for the password itself."},                 \
      {OPTION("SSLMode", WORD, type, endpoint.ssl_mode),                       \
       .words = dbpool_ssl_modes, .default_text = "default",                   \
       .help = "Required level of TLS. Across a network use C<verify-full>, "  \
               "the only mode that verifies the server's identity. "           \
               "C<default> is the mode of the service, or C<prefer> without "  \
               "one; for a host on another machine write a mode."},            \
      {OPTION("SSLRootCert", STRING, type, endpoint.ssl_root_cert),            \
       .example = "\"/etc/ssl/certs/ca.pem\"",                                 \
       .help = "File with the certificates of the authorities that may sign "  \
               "the server's certificate."},                                   \
      {OPTION("SSLCert", STRING, type, endpoint.ssl_cert),                     \
       .example = "\"/etc/collectd/client.pem\"",                              \
       .help = "File with the client certificate to log in with."},            \
      {OPTION("SSLKey", STRING, type, endpoint.ssl_key),                       \
       .example = "\"/etc/collectd/client.key\"",                              \
       .help = "File with the private key of B<SSLCert>."},                    \
  {                                                                            \
    OPTION("Timeout", NUMBER, type, endpoint.timeout_s),                       \
        .min = 0.1, .max = 60, .default_text = "2", .unit = "seconds",         \
        .help =                                                                \
            "Time limit for connecting and querying together. A server that "  \
            "does not answer in time is reported as down. A read waits at "    \
            "most half of the interval and at most one second; a longer "      \
            "operation continues in the background."                           \
  }

static const struct option pool_options[] = {
    ENDPOINT_OPTIONS(struct dbpool_pool_options, "5432"),
    {OPTION("Application", STRINGS, struct dbpool_pool_options, applications),
     .example = "\"trading-api\"",
     .help =
         "The C<application_name> of the pool's sessions, with shell "
         "wildcards. By default every name. In SQLAlchemy set the name with "
         "C<connect_args={\"application_name\": \"trading-api\"}>."},
    {OPTION("Role", STRINGS, struct dbpool_pool_options, roles),
     .example = "\"trading\"",
     .help = "The role that the pool's sessions log in as, with shell "
             "wildcards. By default every role."},
    {OPTION("PoolSize", INTEGER, struct dbpool_pool_options, size), .min = 0,
     .max = 100000, .default_text = "5", .unit = "connections",
     .help = "The application's C<pool_size>: connections that a pool keeps "
             "open. 0: the application keeps none, as with SQLAlchemy's "
             "NullPool; each session is then checked out."},
    {OPTION("MaxOverflow", INTEGER, struct dbpool_pool_options, max_overflow),
     .min = -1, .max = 100000, .default_text = "10", .unit = "connections",
     .help =
         "The application's C<max_overflow>: connections that a pool opens "
         "beyond B<PoolSize> under load. -1: no limit; the capacity is then "
         "the number of open connections plus C<headroom>."},
    {OPTION("Minimum", INTEGER, struct dbpool_pool_options, minimum), .min = 0,
     .max = 100000, .default_text = "0", .unit = "connections",
     .help = "For a pool that has a maximum instead of an overflow: the "
             "connections that it keeps when it is idle. Open connections "
             "between B<Minimum> and B<Maximum> rest in the pool for a while "
             "and are not leaks. It is only checked against B<Maximum>."},
    {OPTION("Maximum", INTEGER, struct dbpool_pool_options, maximum), .min = 0,
     .max = 100000, .default_text = "0", .unit = "connections",
     .help = "For a pool that has a maximum instead of an overflow "
             "(psycopg_pool, asyncpg, HikariCP, node-postgres, pgx): the most "
             "connections that it opens. It replaces B<PoolSize> and "
             "B<MaxOverflow>. 0: those two count."},
    {OPTION("PoolRecycle", NUMBER, struct dbpool_pool_options, recycle_s),
     .min = -1, .max = YEAR_S, .default_text = "-1", .unit = "seconds",
     .help = "The application's C<pool_recycle>: the age at which the pool "
             "replaces a connection. A session that is used at an age of more "
             "than B<PoolRecycle> plus B<LeakAfter> counts as "
             "C<recycle_overdue>. -1: the pool does not replace connections."},
    {OPTION("PoolTimeout", NUMBER, struct dbpool_pool_options, timeout_s),
     .min = 0, .max = 86400, .default_text = "30", .unit = "seconds",
     .help =
         "The application's C<pool_timeout>: how long a request waits for a "
         "connection before it fails. The server does not see such requests. "
         "The value is only compared with the one in the application's log."},
    {OPTION("Processes", STRING, struct dbpool_pool_options, processes),
     .check = check_processes, .default_text = "auto", .example = "\"4\"",
     .help =
         "Number of worker processes, each with a pool of its own. C<\"auto\"> "
         "counts the processes that hold sessions: each process on this host "
         "that connects through the loopback interface or a Unix socket, and "
         "each remote client address as one process, or as many as its "
         "sessions prove. The number found is logged once. Finding the "
         "processes on this host requires Linux and root. While the process "
         "of a session is unknown, only busy sessions count as checked out, "
         "and idle ones not as leaked; then set a number."},
    {OPTION("LeakAfter", NUMBER, struct dbpool_pool_options, leak_after_s),
     .min = 0.1, .max = YEAR_S, .default_text = "300", .unit = "seconds",
     .help = "A session counts as leaked if it is idle in a transaction for "
             "longer than this. Sessions outside transactions count if they "
             "are checked out and idle for longer than this; see the value "
             "B<current_connections-leaked>."},
    {OPTION("PoolOrder", WORD, struct dbpool_pool_options, order),
     .words = pool_orders, .default_text = "any",
     .help =
         "Order in which the pool hands out connections. C<\"any\">: the order "
         "is not known. C<\"fifo\">: the pool hands out the connection that "
         "has "
         "been idle longest, as SQLAlchemy's QueuePool does unless "
         "C<pool_use_lifo> is set. The plugin then also "
         "finds leaked sessions outside transactions: such a session stays "
         "idle while sessions that were returned later are used again. Only "
         "for B<Processes> 1."},
    {OPTION("ForecastWindow", NUMBER, struct dbpool_pool_options,
            forecast_window_s),
     .min = 1, .max = 7 * 86400, .default_text = "900", .unit = "seconds",
     .help = "Length of the history used to predict when the pool will be "
             "exhausted."},
    {OPTION("LeakNotificationsPerMinute", INTEGER, struct dbpool_pool_options,
            leak_notifications_per_minute),
     .min = 0, .max = 1000, .default_text = "6", .unit = "notifications",
     .help = "Maximum number of notifications a minute about leaked sessions "
             "of this pool. 0: no notifications."},
    {OPTION("LeakQueryLiterals", BOOLEAN, struct dbpool_pool_options,
            leak_query_literals),
     .default_text = "false",
     .help = "Whether these notifications contain the last query as it was "
             "sent. By default its strings and numbers are replaced by C<?> "
             "and its comments are removed, because they may be passwords or "
             "data of persons."},
};

/* A service names hosts and mode itself. */
static int check_endpoint(const struct dbpool_endpoint_options *endpoint,
                          struct error *error) {
  return endpoint->ssl_mode == 0 && endpoint->service == NULL
             ? pg_exchange_check_hosts(endpoint->host, error)
             : 0;
}

static int check_pool(const void *target, struct error *error) {
  const struct dbpool_pool_options *options = target;
  if (options->maximum == 0 && options->size == 0 &&
      options->max_overflow == 0) {
    return error_set(error, -EINVAL,
                     "PoolSize 0 and MaxOverflow 0 allow no connection; raise "
                     "MaxOverflow, or write -1 for no limit");
  }
  if (options->minimum > options->maximum) {
    return error_set(error, -EINVAL,
                     "Minimum needs a Maximum that is not less; write that of "
                     "the application's pool");
  }
  return check_endpoint(&options->endpoint, error);
}

static const struct option_block pool_block = {
    .name = "Pool",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct dbpool_pool_options),
    .help =
        "An application's connection pool, as its PostgreSQL server sees it. "
        "Pools with the same connection settings share one session on the "
        "server and one query.",
    OPTION_ROWS(pool_options),
    .check = check_pool,
};

static const struct option pgbouncer_options[] = {
    ENDPOINT_OPTIONS(struct dbpool_pgbouncer_options, "6432"),
};

static int check_pgbouncer(const void *target, struct error *error) {
  const struct dbpool_pgbouncer_options *options = target;
  return check_endpoint(&options->endpoint, error);
}

static const struct option_block pgbouncer_block = {
    .name = "PgBouncer",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct dbpool_pgbouncer_options),
    .help = "The pools of a PgBouncer, as its console reports them.",
    OPTION_ROWS(pgbouncer_options),
    .check = check_pgbouncer,
};

static const struct option plugin_options[] = {
    {OPTION("Pool", BLOCK, struct dbpool_options, pools), .block = &pool_block},
    {OPTION("PgBouncer", BLOCK, struct dbpool_options, pgbouncers),
     .block = &pgbouncer_block},
};

/* A label becomes the plugin instance of its values. */
static int check_labels(const void *target, struct error *error) {
  const struct dbpool_options *options = target;
  const struct dbpool_pool_options *pools = options->pools.items;
  const struct dbpool_pgbouncer_options *pgbouncers = options->pgbouncers.items;
  for (size_t i = 0; i < options->pools.len; i++) {
    for (size_t j = 0; j < options->pgbouncers.len; j++) {
      if (strcmp(pools[i].head.label, pgbouncers[j].head.label) == 0) {
        return error_set(error, -EINVAL,
                         "<Pool \"%s\"> and <PgBouncer \"%s\"> would send the "
                         "same values; rename one of them",
                         pools[i].head.label, pgbouncers[j].head.label);
      }
    }
  }
  return 0;
}

const struct option_block dbpool_options = {
    .name = "dbpool",
    .size = sizeof(struct dbpool_options),
    .help = "Use, leaks and predicted exhaustion of connection pools, as "
            "PostgreSQL or PgBouncer sees them.",
    OPTION_ROWS(plugin_options),
    .check = check_labels,
};

/* ---- using the configuration ---- */

static bool is_same_setting(const char *a, const char *b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The name of the database does not matter, because every session sees the
 * whole server. */
bool dbpool_is_same_server(const struct dbpool_endpoint_options *a,
                           const struct dbpool_endpoint_options *b) {
  return is_same_setting(a->host, b->host) && a->port == b->port &&
         is_same_setting(a->service, b->service) &&
         (a->database == NULL) == (b->database == NULL) &&
         is_same_setting(a->user, b->user) &&
         is_same_setting(a->pass_file, b->pass_file) &&
         a->ssl_mode == b->ssl_mode &&
         is_same_setting(a->ssl_root_cert, b->ssl_root_cert) &&
         is_same_setting(a->ssl_cert, b->ssl_cert) &&
         is_same_setting(a->ssl_key, b->ssl_key) &&
         !(a->timeout_s < b->timeout_s) && !(a->timeout_s > b->timeout_s);
}

const struct dbpool_pool_options *
dbpool_find_pool(const struct dbpool_options *options, const char *log) {
  const struct dbpool_pool_options *pools = options->pools.items;
  for (size_t i = 0; i < options->pools.len; i++) {
    if (strcmp(pools[i].head.label, log) == 0) {
      return &pools[i];
    }
  }
  return options->pools.len == 1 ? &pools[0] : NULL;
}

int64_t dbpool_max_connections(const struct dbpool_pool_options *pool) {
  if (pool->maximum > 0) {
    return pool->maximum;
  }
  return pool->max_overflow < 0 ? 0 : pool->size + pool->max_overflow;
}

bool dbpool_settings_differ(const struct dbpool_pool_options *pool,
                            const struct dbpool_logged_settings *logged,
                            char *text, size_t bytes) {
  const struct {
    const char *option;
    double configured, logged;
  } settings[] = {
      {"PoolSize", (double)pool->size, logged->pool_size},
      {"MaxOverflow", (double)pool->max_overflow, logged->max_overflow},
      {"PoolTimeout", pool->timeout_s, logged->timeout_s},
  };
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
    /* The logged timeout has two decimals. NaN differs from nothing. */
    if (fabs(settings[i].configured - settings[i].logged) > 0.006 &&
        used < bytes) {
      int length = snprintf(text + used, bytes - used, "%s%s %g (logged: %g)",
                            used == 0 ? "" : ", ", settings[i].option,
                            settings[i].configured, settings[i].logged);
      used += length > 0 ? (size_t)length : 0;
    }
  }
  return used > 0;
}

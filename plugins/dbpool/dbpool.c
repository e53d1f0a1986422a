/* SPDX-License-Identifier: MIT */
/* dbpool: connects the module to collectd. Each server has a read callback of
 * its own, so that one that hangs delays no other. */
#include "core/clock.h"
#include "dbpool/options.h"
#include "dbpool/pgbouncer.h"
#include "dbpool/postgresql.h"
#include "glue/glue.h"

#include "collectd.h"
#include "plugin.h"
#include "utils/common/common.h"

#include <math.h>
#include <stdatomic.h>

/* For all servers together. A read that has just begun may add a second. */
#define SHUTDOWN_MS 500

/* These live until the process ends: collectd calls notification callbacks from
 * other threads while it shuts down. */
static struct dbpool_options options;
static struct dbpool_sinks sinks;
static atomic_bool *has_logged_mismatch; /* one for each pool */

/* ---- reading ---- */

static int read_postgresql(user_data_t *data) {
  postgresql_server_query_and_send(data->data,
                                   CDTIME_T_TO_DOUBLE(plugin_get_interval()));
  return 0;
}

static int read_pgbouncer(user_data_t *data) {
  pgbouncer_server_query_and_send(data->data,
                                  CDTIME_T_TO_DOUBLE(plugin_get_interval()));
  return 0;
}

/* collectd frees one server after the other: all share one deadline. */
static int64_t begin_shutdown_deadline_ms(void) {
  static int64_t deadline_ms;
  if (deadline_ms == 0) {
    deadline_ms = clock_monotonic_ms() + SHUTDOWN_MS;
  }
  return deadline_ms;
}

static void free_postgresql(void *data) {
  postgresql_server_free(data, begin_shutdown_deadline_ms());
}

static void free_pgbouncer(void *data) {
  pgbouncer_server_free(data, begin_shutdown_deadline_ms());
}

/* data: NULL when it could not be made; owned by collectd from here on. */
static int register_read(const char *label, int (*read)(user_data_t *data),
                         void *data, void (*free_data)(void *data)) {
  char name[DATA_MAX_NAME_LEN];
  if (data == NULL) {
    return -1;
  }
  ssnprintf(name, sizeof(name), "dbpool-%s", label);
  return plugin_register_complex_read(
      "dbpool", name, read, 0,
      &(user_data_t){.data = data, .free_func = free_data});
}

/* True if an earlier pool is on the same server, which then reads both. */
static bool is_server_read_already(size_t pool) {
  const struct dbpool_pool_options *pools = options.pools.items;
  size_t i = 0;
  while (i < pool &&
         !dbpool_is_same_server(&pools[i].endpoint, &pools[pool].endpoint)) {
    i++;
  }
  return i < pool;
}

/* One read callback a server: its first pool registers it. */
static int register_servers(void) {
  const struct dbpool_pool_options *pools = options.pools.items;
  int code = 0;
  for (size_t i = 0; i < options.pools.len && code == 0; i++) {
    if (!is_server_read_already(i)) {
      code = register_read(
          pools[i].head.label, read_postgresql,
          postgresql_server_new(pools, options.pools.len, i, &sinks),
          free_postgresql);
    }
  }
  return code;
}

static int register_pgbouncers(void) {
  const struct dbpool_pgbouncer_options *pgbouncers = options.pgbouncers.items;
  int code = 0;
  for (size_t i = 0; i < options.pgbouncers.len && code == 0; i++) {
    code = register_read(pgbouncers[i].head.label, read_pgbouncer,
                         pgbouncer_server_new(&pgbouncers[i], &sinks),
                         free_pgbouncer);
  }
  return code;
}

/* ---- what the application's log reports of its pool, from session_log ---- */

/* NaN if there is no such field. */
static double find_notification_number(const notification_t *notification,
                                       const char *name) {
  const notification_meta_t *meta = notification->meta;
  while (meta != NULL && strcmp(meta->name, name) != 0) {
    meta = meta->next;
  }
  if (meta != NULL && meta->type == NM_TYPE_DOUBLE) {
    return meta->nm_value.nm_double;
  }
  return meta != NULL && meta->type == NM_TYPE_STRING
             ? strtod(meta->nm_value.nm_string, NULL)
             : (double)NAN;
}

/* session_log counts the requests that waited longer than pool_timeout. */
static bool is_about_exhausted_pool(const notification_t *notification) {
  return strcmp(notification->host, hostname_g) == 0 &&
         strcmp(notification->plugin, "session_log") == 0 &&
         strcmp(notification->type, "total_sessions") == 0 &&
         strcmp(notification->type_instance, "timed_out") == 0;
}

/* Called from any thread. Logs a difference once a pool. */
static int receive_notification(const notification_t *notification,
                                __attribute__((unused)) user_data_t *data) {
  if (!is_about_exhausted_pool(notification)) {
    return 0;
  }
  const struct dbpool_pool_options *pool =
      dbpool_find_pool(&options, notification->plugin_instance);
  const struct dbpool_logged_settings logged = {
      .pool_size = find_notification_number(notification, "pool_size"),
      .max_overflow = find_notification_number(notification, "max_overflow"),
      .timeout_s = find_notification_number(notification, "timeout"),
  };
  char text[160];
  if (pool == NULL ||
      !dbpool_settings_differ(pool, &logged, text, sizeof(text))) {
    return 0;
  }
  const struct dbpool_pool_options *pools = options.pools.items;
  if (!atomic_exchange(&has_logged_mismatch[pool - pools], true)) {
    log_write(&sinks.log, LOG_LEVEL_WARNING,
              "pool \"%s\": differs from the application's log: %s; correct "
              "the <Pool>",
              pool->head.label, text);
  }
  return 0;
}

/* ---- registration ---- */

/* The notification callback comes last, because it may be called at once. */
static int init_dbpool(void) {
  has_logged_mismatch =
      calloc(options.pools.len + 1, sizeof(*has_logged_mismatch));
  int code = has_logged_mismatch == NULL ? -1 : register_servers();
  code = code != 0 ? code : register_pgbouncers();
  return code != 0 ? code
                   : plugin_register_notification("dbpool",
                                                  receive_notification, NULL);
}

static int configure_dbpool(oconfig_item_t *item) {
  return glue_configure(&dbpool_options, item, &options);
}

void module_register(void) {
  sinks = (struct dbpool_sinks){
      .samples = glue_sample_sink("dbpool"),
      .notifications = glue_notification_sink("dbpool"),
      .log = glue_log_sink("dbpool"),
  };
  if (option_init(&dbpool_options, &options) == 0) {
    plugin_register_complex_config("dbpool", configure_dbpool);
    plugin_register_init("dbpool", init_dbpool);
  }
}

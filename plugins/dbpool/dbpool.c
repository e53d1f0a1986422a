/* SPDX-License-Identifier: MIT */
/* dbpool: glue between collectd and the plugin's trade. Each server has a read
 * callback of its own, so that one that hangs delays no other. */
#include "core/clock.h"
#include "dbpool/bouncer.h"
#include "dbpool/claim.h"
#include "dbpool/options.h"
#include "dbpool/server.h"
#include "glue/configuration.h"
#include "glue/log.h"
#include "glue/module.h"
#include "glue/notifications.h"
#include "glue/values.h"

#include "collectd.h"
#include "plugin.h"
#include "utils/common/common.h"

#include <math.h>
#include <stdatomic.h>

/* Together with a read that has just begun, shutting down takes no longer than
 * people wait. */
#define SHUTDOWN_MS 500

/* Stay until the process ends: collectd calls notification callbacks from
 * other threads while it shuts down. */
static struct dbpool_options options;
static struct outlets outlets;
static atomic_bool *has_said_claim; /* one for each pool */

static int read_server(user_data_t *data) {
  server_read(data->data, CDTIME_T_TO_DOUBLE(plugin_get_interval()));
  return 0;
}

/* One for all that is ended. */
static int64_t shutdown_deadline_ms(void) {
  static int64_t deadline_ms;
  if (deadline_ms == 0) {
    deadline_ms = clock_monotonic_ms() + SHUTDOWN_MS;
  }
  return deadline_ms;
}

static void free_server(void *data) {
  server_free(data, shutdown_deadline_ms());
}

static int read_bouncer(user_data_t *data) {
  bouncer_read(data->data, CDTIME_T_TO_DOUBLE(plugin_get_interval()));
  return 0;
}

static void free_bouncer(void *data) {
  bouncer_free(data, shutdown_deadline_ms());
}

/* The pools from number FIRST on that share its server; fewer than max. */
static size_t gather_pools(size_t first, const struct pool_options **shared,
                           bool *is_taken) {
  const struct pool_options *pools = options.pools.items;
  size_t len = 0;
  for (size_t i = first; i < options.pools.len; i++) {
    if (!is_taken[i] &&
        server_is_shared(&pools[first].endpoint, &pools[i].endpoint)) {
      is_taken[i] = true;
      shared[len++] = &pools[i];
    }
  }
  return len;
}

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

static int register_servers(void) {
  const size_t len = options.pools.len;
  const struct pool_options *pools = options.pools.items;
  const struct pool_options **shared =
      calloc(len + 1, sizeof(struct pool_options *));
  bool *is_taken = calloc(len + 1, sizeof(*is_taken));
  int code = shared == NULL || is_taken == NULL ? -1 : 0;
  for (size_t i = 0; i < len && code == 0; i++) {
    if (!is_taken[i]) {
      size_t shared_len = gather_pools(i, shared, is_taken);
      code =
          register_read(pools[i].head.label, read_server,
                        server_new(shared, shared_len, &outlets), free_server);
    }
  }
  free(shared);
  free(is_taken);
  return code;
}

static int register_bouncers(void) {
  const struct bouncer_options *bouncers = options.bouncers.items;
  int code = 0;
  for (size_t i = 0; i < options.bouncers.len && code == 0; i++) {
    code = register_read(bouncers[i].head.label, read_bouncer,
                         bouncer_new(&bouncers[i], &outlets), free_bouncer);
  }
  return code;
}

/* session_log sends what the application's log says of its pool. */
static double number_in(const notification_t *notification, const char *name) {
  for (const notification_meta_t *meta = notification->meta; meta != NULL;
       meta = meta->next) {
    if (strcmp(meta->name, name) != 0) {
      continue;
    }
    switch (meta->type) {
    case NM_TYPE_DOUBLE:
      return meta->nm_value.nm_double;
    case NM_TYPE_SIGNED_INT:
      return (double)meta->nm_value.nm_signed_int;
    case NM_TYPE_UNSIGNED_INT:
      return (double)meta->nm_value.nm_unsigned_int;
    case NM_TYPE_STRING:
      return strtod(meta->nm_value.nm_string, NULL);
    case NM_TYPE_BOOLEAN:
      break;
    }
  }
  return (double)NAN;
}

static bool is_of_exhausted_pool(const notification_t *notification) {
  return strcmp(notification->host, hostname_g) == 0 &&
         strcmp(notification->plugin, "session_log") == 0 &&
         strcmp(notification->type, "total_sessions") == 0 &&
         strcmp(notification->type_instance, "timed_out") == 0;
}

static int take_notification(const notification_t *notification,
                             __attribute__((unused)) user_data_t *data) {
  if (!is_of_exhausted_pool(notification)) {
    return 0;
  }
  const struct pool_options *pool =
      claim_find_pool(&options, notification->plugin_instance);
  const struct claim claim = {
      .pool_size = number_in(notification, "pool_size"),
      .max_overflow = number_in(notification, "max_overflow"),
      .timeout_s = number_in(notification, "timeout"),
  };
  char text[160];
  if (pool == NULL || !claim_differs(&claim, pool, text, sizeof(text))) {
    return 0;
  }
  const struct pool_options *pools = options.pools.items;
  if (!atomic_exchange(&has_said_claim[pool - pools], true)) {
    log_write(&outlets.report, LOG_LEVEL_WARNING,
              "pool \"%s\": the application's log contradicts: %s; correct the "
              "<Pool>",
              pool->head.label, text);
  }
  return 0;
}

static int register_claims(void) {
  has_said_claim = calloc(options.pools.len + 1, sizeof(*has_said_claim));
  return has_said_claim == NULL
             ? -1
             : plugin_register_notification("dbpool", take_notification, NULL);
}

static int init(void) {
  int code = register_servers();
  code = code != 0 ? code : register_bouncers();
  return code != 0 ? code : register_claims();
}

static int configure(oconfig_item_t *item) {
  return glue_configure(&dbpool_options, item, &options);
}

void module_register(void) {
  outlets = (struct outlets){
      .samples = glue_sample_sink("dbpool"),
      .notifications = glue_notification_sink("dbpool"),
      .report = glue_log_sink("dbpool"),
  };
  if (option_init(&dbpool_options, &options) == 0) {
    plugin_register_complex_config("dbpool", configure);
    plugin_register_init("dbpool", init);
  }
}

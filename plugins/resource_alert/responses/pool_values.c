/* SPDX-License-Identifier: MIT */
/* pool_values: the last values of dbpool's pools, by which <Scale> knows how
 * many connections their servers have room for. */
#include "resource_alert/responses/pool_values.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void pool_values_take_reading(struct condition_inputs *pools, const char *host,
                              const struct reading *reading, int64_t now_ms) {
  const struct reading_names *names = reading->names;
  if (strcmp(names->plugin, "dbpool") != 0 ||
      strcmp(names->type, "current_connections") != 0 ||
      (host != NULL && strcmp(names->host, host) != 0)) {
    return;
  }
  char key[2 * READING_NAME_BYTES];
  double value;
  int64_t interval_ms = reading->interval_ns / 1000000;
  memcpy(&value, reading->values, sizeof(value));
  (void)snprintf(key, sizeof(key), "%s/%s", names->plugin_instance,
                 names->type_instance);
  condition_inputs_set(pools, key, strlen(key), value, now_ms,
                       interval_ms < UINT32_MAX / 4 ? (uint32_t)interval_ms
                                                    : UINT32_MAX / 4);
}

static struct condition_input *take_value(const struct pool_values *values,
                                          const char *pool, const char *name) {
  char key[2 * READING_NAME_BYTES];
  (void)snprintf(key, sizeof(key), "%s/%s", pool, name);
  return condition_inputs_take(values->pools, key, strlen(key));
}

int pool_values_init(struct pool_values *values, struct condition_inputs *pools,
                     const char *pool, struct error *error) {
  *values = (struct pool_values){.pools = pools};
  values->headroom = take_value(values, pool, "headroom");
  values->clients = take_value(values, pool, "clients");
  values->total = take_value(values, pool, "total");
  return values->headroom != NULL && values->clients != NULL &&
                 values->total != NULL
             ? 0
             : error_set(error, -ENOMEM, "out of memory");
}

void pool_values_fini(struct pool_values *values) {
  if (values->pools != NULL) {
    condition_inputs_release(values->pools, values->headroom);
    condition_inputs_release(values->pools, values->clients);
    condition_inputs_release(values->pools, values->total);
  }
  *values = (struct pool_values){0};
}

void pool_values_get(const struct pool_values *values, int64_t now_ms,
                     double *left, double *open) {
  *left = (double)NAN;
  *open = (double)NAN;
  if (values->pools != NULL) {
    *left = condition_input_value(values->headroom, now_ms);
    *open = condition_input_value(values->clients, now_ms);
    if (!isfinite(*open)) {
      *open = condition_input_value(values->total, now_ms);
    }
    if (!isfinite(*open) && isfinite(*left)) {
      *open = 0;
    }
  }
}

/* SPDX-License-Identifier: MIT */
/* pool_values: the last values of dbpool's pools, by which <Scale> knows how
 * many connections their servers have room for. */
#pragma once

#include <stdint.h>

#include "core/error.h"
#include "core/metric.h"
#include "resource_alert/rules/condition.h"

/* Keeps the value if it is one of dbpool, and if somebody asks for it. host:
 * whose pools count; NULL: those of any host. pools: by "POOL/VALUE". Any
 * thread. */
void pool_values_take_reading(struct condition_inputs *pools, const char *host,
                              const struct reading *reading, int64_t now_ms);

/* The values of one pool; all zero: of none. */
struct pool_values {
  struct condition_inputs *pools; /* borrowed */
  struct condition_input *headroom;
  struct condition_input *clients; /* of PgBouncer */
  struct condition_input *total;   /* of PostgreSQL: the application's */
};

/* Returns 0 or -ENOMEM. Yours, pool_values_fini(), also after a failure. */
int pool_values_init(struct pool_values *values, struct condition_inputs *pools,
                     const char *pool, struct error *error);
void pool_values_fini(struct pool_values *values);

/* *left: how many connections may still be opened; *open: how many the pool's
 * applications have, 0 before the first one has connected. NaN: there is no
 * fresh value. */
void pool_values_get(const struct pool_values *values, int64_t now_ms,
                     double *left, double *open);

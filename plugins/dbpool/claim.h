/* SPDX-License-Identifier: MIT */
/* claim: what an application's own log says its pool is configured with, held
 * against what is configured here. Pure.
 *
 * SQLAlchemy gives its configuration away when a pool is exhausted: "QueuePool
 * limit of size 10 overflow 20 reached, connection timed out, timeout 30.00".
 */
#ifndef DBPOOL_CLAIM_H
#define DBPOOL_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

#include "dbpool/options.h"

/* NaN where nothing was said. */
struct claim {
  double pool_size;
  double max_overflow;
  double timeout_s;
};

/* The pool that a log of that NAME speaks of: the one of that name, or the
 * only one there is. NULL if neither. */
const struct pool_options *claim_find_pool(const struct dbpool_options *options,
                                           const char *name);

/* True if the claim differs from the pool's options. text: gets at most BYTES
 * with the NUL: "PoolSize is 10 here and 20 there, ...". */
bool claim_differs(const struct claim *claim, const struct pool_options *pool,
                   char *text, size_t bytes);

#endif

/* SPDX-License-Identifier: MIT */
/* claim: what an application's own log says its pool is configured with. */
#include "dbpool/claim.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct pool_options *claim_find_pool(const struct dbpool_options *options,
                                           const char *name) {
  const struct pool_options *pools = options->pools.items;
  for (size_t i = 0; i < options->pools.len; i++) {
    if (strcmp(pools[i].head.label, name) == 0) {
      return &pools[i];
    }
  }
  return options->pools.len == 1 ? &pools[0] : NULL;
}

bool claim_differs(const struct claim *claim, const struct pool_options *pool,
                   char *text, size_t bytes) {
  const struct {
    const char *option;
    double here, there;
  } rows[] = {
      {"PoolSize", (double)pool->size, claim->pool_size},
      {"MaxOverflow", (double)pool->max_overflow, claim->max_overflow},
      {"PoolTimeout", pool->timeout_s, claim->timeout_s},
  };
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    /* The message has two decimals of the timeout. */
    if (fabs(rows[i].here - rows[i].there) > 0.006 && used < bytes) {
      int length = snprintf(
          text + used, bytes - used, "%s%s is %g here and %g there",
          used == 0 ? "" : ", ", rows[i].option, rows[i].here, rows[i].there);
      used += length > 0 ? (size_t)length : 0;
    }
  }
  return used > 0;
}

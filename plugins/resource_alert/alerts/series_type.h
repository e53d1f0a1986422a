/* SPDX-License-Identifier: MIT */
/* series_type: what is known of a type, once for all series of it. */
#ifndef RESOURCE_ALERT_ALERTS_SERIES_TYPE_H
#define RESOURCE_ALERT_ALERTS_SERIES_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/metric.h"

struct series_type {
  struct series_type *next;
  char name[READING_NAME_BYTES];
  bool is_all_gauges; /* its values are levels already */
  size_t sources_len;
  struct reading_source sources[];
};

/* All zero is none. Guarded by the caller's lock. */
struct series_types {
  struct series_type *first;
};

/* The type of READING, described at first sight. It stays until fini. NULL
 * when memory is short. */
const struct series_type *series_types_find(struct series_types *types,
                                            const struct reading *reading);

void series_types_fini(struct series_types *types);

#endif

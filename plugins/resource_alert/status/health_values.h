/* SPDX-License-Identifier: MIT */
/* health_values: the last values of a few series of this host, under the names
 * that /health shows them by. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/metric.h"
#include "core/option.h"

/* <Health> */
struct health_options {
  struct option_head head;
  struct option_strings values; /* pairs: name, series */
};

extern const struct option_block health_values_block;

struct health_values;

/* blocks: of <Health>, one or none; without one, the memory, disk, CPU and
 * processes of statgrab. host: borrowed. *ret: yours, health_values_free().
 * Returns 0 or -ENOMEM. */
int health_values_new(const struct option_blocks *blocks, const char *host,
                      struct health_values **ret, struct error *error);

/* Accepts NULL. */
void health_values_free(struct health_values *values);

/* Keeps the value if it is one of ours; any other costs a few comparisons. Any
 * thread; waits for nothing. values may be NULL. */
void health_values_take(struct health_values *values,
                        const struct reading *reading, int64_t now_ms);

/* {NAME: number, or null where there is none or the last one is older than
 * three intervals}. Yours, json_decref(). values may be NULL. */
json_t *health_values_to_json(const struct health_values *values,
                              int64_t now_ms);

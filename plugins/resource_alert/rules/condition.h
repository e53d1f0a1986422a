/* SPDX-License-Identifier: MIT */
/* condition: an OnlyIf line: what another value must be for a rule to apply,
 * and the last value of the series that such lines compare. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/hash_map.h"
#include "core/metric.h"

#define CONDITIONS_MAX 2 /* of one rule: all of them must hold */

enum condition_sign {
  CONDITION_LESS,
  CONDITION_AT_MOST,
  CONDITION_GREATER,
  CONDITION_AT_LEAST,
};

/* The value of plugin[-instance]/type[-instance][:data source] on the host of
 * the series that is evaluated, by default of the same plugin instance. */
struct condition {
  char *text; /* owned; the parts point into it; NULL: no condition */
  const char *plugin;
  const char *plugin_instance; /* NULL: that of the series */
  const char *type;
  const char *type_instance; /* "": none */
  const char *source;        /* NULL: the first */
  enum condition_sign sign;
  double limit;
};

/* metric, comparison: the two words of the line, "load/load:shortterm" and
 * ">= 2"; copied. Returns 0; -EINVAL with the reason; -ENOMEM. Yours after
 * success, condition_fini(); untouched on failure. */
int condition_init(struct condition *condition, const char *metric,
                   const char *comparison, struct error *error);

/* Accepts NULL and an all zero condition. */
void condition_fini(struct condition *condition);

/* False for NaN, too. */
bool condition_holds(const struct condition *condition, double value);

/* Writes into *ret_names the series whose value is compared when the series
 * NAMES is evaluated. */
void condition_fill_names(const struct condition *condition,
                          const struct reading_names *names,
                          struct reading_names *ret_names);

/* True if the value of NAMES may be compared when some series is evaluated. */
bool condition_may_compare(const struct condition *condition,
                           const struct reading_names *names);

/* ---- the values that are compared ---- */

/* The last value of one data source. It is shared by the series it comes from
 * and those that are evaluated by it, which are under different locks. */
struct condition_input;

/* All inputs, by key; all zero but for the lock is none. */
struct condition_inputs {
  pthread_mutex_t lock; /* guards the map and the counts of users */
  struct hash_map map;
};

void condition_inputs_init(struct condition_inputs *inputs);
void condition_inputs_fini(struct condition_inputs *inputs);

/* The input with that key, made for its first user. condition_inputs_release()
 * once for each call. NULL when memory is short. */
struct condition_input *condition_inputs_take(struct condition_inputs *inputs,
                                              const char *key,
                                              size_t key_bytes);

/* Accepts NULL. */
void condition_inputs_release(struct condition_inputs *inputs,
                              struct condition_input *input);

/* Any thread, without a lock. now_ms: monotonic. */
void condition_input_set(struct condition_input *input, double value,
                         int64_t now_ms, uint32_t interval_ms);

/* The same for the input with that key, where somebody has taken it. */
void condition_inputs_set(struct condition_inputs *inputs, const char *key,
                          size_t key_bytes, double value, int64_t now_ms,
                          uint32_t interval_ms);

/* NaN once the value is older than two of its intervals. Any thread. */
double condition_input_value(const struct condition_input *input,
                             int64_t now_ms);

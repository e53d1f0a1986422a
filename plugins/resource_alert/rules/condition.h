/* SPDX-License-Identifier: MIT */
/* condition: an OnlyIf line: what another value must be for a rule to count. */
#ifndef RESOURCE_ALERT_RULES_CONDITION_H
#define RESOURCE_ALERT_RULES_CONDITION_H

#include <stdbool.h>

#include "core/error.h"
#include "core/metric.h"

enum condition_sign {
  CONDITION_LESS,
  CONDITION_AT_MOST,
  CONDITION_GREATER,
  CONDITION_AT_LEAST,
};

/* The value of plugin[-instance]/type[-instance][:data source] on the host of
 * the series that is judged, by default of the same plugin instance. */
struct condition {
  char *text; /* owned; the parts point into it */
  const char *plugin;
  const char *plugin_instance; /* NULL: that of the series */
  const char *type;
  const char *type_instance; /* "": none */
  const char *source;        /* NULL: the first */
  enum condition_sign sign;
  double limit;
};

/* metric, comparison: the two words of the line, "load/load:shortterm" and
 * ">= 2"; copied. Returns 0; -EINVAL with what is wrong; -ENOMEM. The condition
 * is untouched on failure; else yours, condition_fini(). */
int condition_parse(const char *metric, const char *comparison,
                    struct condition *ret_condition, struct error *error);

/* Accepts NULL and an all zero condition. */
void condition_fini(struct condition *condition);

/* False for NaN, too. */
bool condition_holds(const struct condition *condition, double value);

/* Writes into *ret_names which series it looks at when NAMES is judged. */
void condition_name(const struct condition *condition,
                    const struct reading_names *names,
                    struct reading_names *ret_names);

/* True if some series' condition may look at NAMES. */
bool condition_may_mean(const struct condition *condition,
                        const struct reading_names *names);

#endif

/* SPDX-License-Identifier: MIT */
/* metric_selector: one Metric line: which series and data sources it matches.
 */
#pragma once

#include <stdbool.h>

#include "core/error.h"
#include "core/metric.h"

/* [host/]plugin[-instance]/type[-instance][:data source]; globs in each part,
 * which match the name as it is written: cpu* matches cpu and cpu-0. */
struct metric_selector {
  char *text;         /* owned; the parts point into it */
  const char *host;   /* NULL: any */
  const char *plugin; /* with its instance */
  const char *type;   /* with its instance */
  const char *source; /* NULL: any */
};

/* The names of a series as selectors match them, joined once for all of them.
 */
struct metric_selector_subject {
  const char *host;
  char plugin[2 * READING_NAME_BYTES]; /* "plugin-instance" */
  char type[2 * READING_NAME_BYTES];
};

/* metric: copied. Returns 0; -EINVAL with the reason; -ENOMEM. Yours after
 * success, metric_selector_fini(); untouched on failure. */
int metric_selector_init(struct metric_selector *selector, const char *metric,
                         struct error *error);

/* Writes the Metric line. */
void metric_selector_format(const struct metric_selector *selector, char *text,
                            size_t bytes);

/* Accepts NULL and an all zero selector. */
void metric_selector_fini(struct metric_selector *selector);

/* names: borrowed for as long as the subject lives. */
void metric_selector_subject_init(struct metric_selector_subject *subject,
                                  const struct reading_names *names);

bool metric_selector_matches(const struct metric_selector *selector,
                             const struct metric_selector_subject *subject);

bool metric_selector_matches_source(const struct metric_selector *selector,
                                    const char *source);

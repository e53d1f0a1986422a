/* SPDX-License-Identifier: MIT */
/* metric_selector: one Metric line: which series and data sources a rule
 * watches. */
#ifndef RESOURCE_ALERT_RULES_METRIC_SELECTOR_H
#define RESOURCE_ALERT_RULES_METRIC_SELECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/metric.h"

/* What tells most names apart without looking at them: the hash of what stands
 * before the first '-', and the last eight bytes. */
struct selector_hint {
  uint64_t head; /* 0 in a selector: a glob, any */
  uint64_t tail;
  uint64_t tail_mask; /* the bytes of it that a selector demands */
};

/* [host/]plugin[-instance]/type[-instance][:data source]; globs in each part,
 * which match the name as it is written: cpu* matches cpu and cpu-0. A host or
 * a data source that is not written may be any. */
struct selector {
  char *text;         /* owned; the parts point into it */
  const char *host;   /* NULL: any */
  const char *plugin; /* with its instance */
  const char *type;   /* with its instance */
  const char *source; /* NULL: any */
  struct selector_hint plugin_hint;
  struct selector_hint type_hint;
};

/* A series as selectors see it, made once for all of them. */
struct selector_subject {
  const char *host;
  char plugin[2 * READING_NAME_BYTES]; /* "plugin-instance" */
  char type[2 * READING_NAME_BYTES];
  struct selector_hint plugin_hint;
  struct selector_hint type_hint;
};

/* metric: copied. Returns 0; -EINVAL with what is wrong; -ENOMEM. The selector
 * is untouched on failure; else yours, selector_fini(). */
int selector_parse(const char *metric, struct selector *ret_selector,
                   struct error *error);

/* Accepts NULL and an all zero selector. */
void selector_fini(struct selector *selector);

/* names: borrowed for as long as the subject lives. */
void selector_subject_init(struct selector_subject *subject,
                           const struct reading_names *names);

bool selector_matches(const struct selector *selector,
                      const struct selector_subject *subject);

bool selector_matches_source(const struct selector *selector,
                             const char *source);

#endif

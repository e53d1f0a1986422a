/* SPDX-License-Identifier: MIT */
/* metric_catalogue: the names of the values that a plugin of ours may send. */
#ifndef CTL_CHECK_METRIC_CATALOGUE_H
#define CTL_CHECK_METRIC_CATALOGUE_H

#include <stdbool.h>

/* One family of names; globs. */
struct emitted {
  const char *plugin;   /* of ours: "dbpool" */
  const char *instance; /* of the plugin, or NULL: the labels of the
                           configuration's blocks */
  const char *types;    /* "TYPE-INSTANCE" and the like, a blank between two */
};

extern const struct emitted emitted[];
extern const unsigned long emitted_len;

/* True if some name matches both globs: * ? and [sets], which count as any
 * character. */
bool emitted_overlap(const char *one, const char *other);

/* True if the type part of a metric can be one of the family's types. */
bool emitted_has_type(const struct emitted *family, const char *type);

#endif

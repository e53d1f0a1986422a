/* SPDX-License-Identifier: MIT */
/* metric_catalogue: lists the names of the values that our plugins may
 * send. */
#pragma once

#include <stdbool.h>

/* One family of names, as globs. */
struct metric_catalogue_entry {
  const char *plugin;   /* of ours: "dbpool" */
  const char *instance; /* of the plugin, or NULL: the labels of the
                           configuration's blocks */
  const char *types;    /* "TYPE-INSTANCE" and the like, separated by blanks */
};

extern const struct metric_catalogue_entry metric_catalogue[];
extern const unsigned long metric_catalogue_len;

/* True if some name matches both globs: * ? and [sets], which count as any
 * character. */
bool metric_catalogue_globs_overlap(const char *one, const char *other);

/* True if the type part of a metric can be one of the entry's types. */
bool metric_catalogue_has_type(const struct metric_catalogue_entry *entry,
                               const char *type);

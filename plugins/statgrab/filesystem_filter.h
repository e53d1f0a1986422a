/* SPDX-License-Identifier: MIT */
/* filesystem_filter: selects the mounts to report and names them. */
#pragma once

#include "core/error.h"
#include "statgrab/emitter.h"
#include "statgrab/ignorelist.h"
#include "statgrab/options.h"
#include "statgrab/stats.h"

struct filesystem_filter_item {
  size_t row; /* in the table that was filtered */
  char name[EMITTER_ITEM_BYTES];
};

struct filesystem_filter {
  const struct df_options *options; /* borrowed */
  struct ignorelist devices;
  struct ignorelist mount_points;
  struct ignorelist fs_types;
  struct filesystem_filter_item *items; /* owned; sorted by name */
  size_t items_len;
};

/* options: borrowed. Returns 0, -EINVAL or -ENOMEM. */
int filesystem_filter_init(struct filesystem_filter *filter,
                           const struct df_options *options,
                           struct error *error);
void filesystem_filter_fini(struct filesystem_filter *filter);

/* Selects rows of the table as items. A mount that is hidden by another is
 * excluded; and, unless file systems are selected by name, one of the same
 * device as another mount with a shorter path. Returns 0 or -ENOMEM; there are
 * then no items. */
int filesystem_filter_apply(struct filesystem_filter *filter,
                            const struct stats_mount_table *table,
                            struct error *error);

/* For an option table: refuses a value that is neither a type known to this
 * plugin nor a regular expression. */
int filesystem_filter_check_type(const char *value, struct error *error);

/* True if a server or a daemon answers for a type, and so may not respond. */
bool filesystem_filter_may_hang(const char *type);

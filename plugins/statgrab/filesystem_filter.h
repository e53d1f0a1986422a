/* SPDX-License-Identifier: MIT */
/* filesystem_filter: selects the mounts to report and names them. */
#pragma once

#include "core/error.h"
#include "core/log.h"
#include "statgrab/emitter.h"
#include "statgrab/ignorelist.h"
#include "statgrab/options.h"
#include "statgrab/stats.h"

struct probe_pool_probe;

/* One of the file systems that are reported. */
struct filesystem {
  size_t row; /* in the table that was filtered */
  char name[EMITTER_ITEM_BYTES];
  struct probe_pool_probe *probe; /* NULL from the filter; see filesystems.c */
  struct log_complaint complaint;
};

struct filesystem_filter {
  const struct df_options *options; /* borrowed */
  struct ignorelist devices;
  struct ignorelist mount_points;
  struct ignorelist fs_types;
};

/* options: borrowed. Returns 0, -EINVAL or -ENOMEM. */
int filesystem_filter_init(struct filesystem_filter *filter,
                           const struct df_options *options,
                           struct error *error);
void filesystem_filter_fini(struct filesystem_filter *filter);

/* Selects rows of the table. A mount that is hidden by another is
 * excluded; and, unless file systems are selected by name, one of the same
 * device as another mount with a shorter path.
 * *ret_items: yours, free(); sorted by name. Returns 0 or -ENOMEM. */
int filesystem_filter_list_selected(const struct filesystem_filter *filter,
                                    const struct stats_mount_table *table,
                                    struct filesystem **ret_items,
                                    size_t *ret_len, struct error *error);

/* For an option table: refuses a value that is neither a type known to this
 * plugin nor a regular expression. */
int filesystem_filter_check_type(const char *value, struct error *error);

/* True if a server or a daemon answers for a type, and so may not respond. */
bool filesystem_filter_may_hang(const char *type);

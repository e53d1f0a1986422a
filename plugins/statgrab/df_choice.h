/* SPDX-License-Identifier: MIT */
/* df_choice: which of the mounted file systems are told of, and under what
 * names. */
#ifndef STATGRAB_DF_CHOICE_H
#define STATGRAB_DF_CHOICE_H

#include "core/error.h"
#include "statgrab/mounts.h"
#include "statgrab/names.h"
#include "statgrab/options.h"
#include "statgrab/selection.h"

struct df_item {
  size_t row; /* in the table that was chosen from */
  char name[ITEM_NAME_BYTES];
};

/* All zero but the options is a choice of nothing. */
struct df_choice {
  const struct df_options *options; /* borrowed */
  struct selection devices;
  struct selection mount_points;
  struct selection fs_types;
  struct df_item *items; /* owned */
  size_t items_len;
};

/* options: borrowed. Returns 0, -EINVAL or -ENOMEM. */
int df_choice_init(struct df_choice *choice, const struct df_options *options,
                   struct error *error);
void df_choice_fini(struct df_choice *choice);

/* Chooses among the rows. A mount that another hides is left out; and, unless
 * file systems are selected by name, one that shows the same device as another
 * with a shorter path. Returns 0 or -ENOMEM, the choice is then empty. */
int df_choice_make(struct df_choice *choice, const struct mount_table *table,
                   struct error *error);

/* For the option table: refuses what is neither the name of a type that this
 * plugin has heard of nor an expression. */
int df_check_type(const char *value, struct error *error);

/* True if a type has no disk of its own behind it, or one that is always
 * full. */
bool df_type_is_pseudo(const char *type);

/* True if a server or a daemon answers for a type, and so may not. */
bool df_type_may_hang(const char *type);

#endif

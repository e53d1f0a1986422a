/* SPDX-License-Identifier: MIT */
/* lint: every mistake in a block, where collectd would stop at the first. */
#ifndef CTL_CHECK_LINT_H
#define CTL_CHECK_LINT_H

#include <stddef.h>

#include "core/option.h"

/* Who is told of a mistake. where, text: borrowed for the call. */
struct lint_listener {
  void (*found)(void *context, const struct config_item *where,
                const char *text);
  void *context;
};

/* Tries each statement of ITEM, and of the blocks in it, alone by BLOCK's
 * table; what only shows in the whole (a missing or a doubled option, limits
 * that contradict each other) is looked for where the parts are good.
 * Returns the number of mistakes found, or -ENOMEM. */
int lint_block(const struct option_block *block, const struct config_item *item,
               const struct lint_listener *listener);

#endif

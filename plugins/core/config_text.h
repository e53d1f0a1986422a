/* SPDX-License-Identifier: MIT */
/* config_text: reads the text of a collectd.conf into a config_tree, for what
 * looks at a configuration without a daemon: tests, checks, back-tests. */
#ifndef CORE_CONFIG_TEXT_H
#define CORE_CONFIG_TEXT_H

#include <stddef.h>

#include "core/config_tree.h"
#include "core/error.h"

/* Reads TEXT (BYTES long, need not end in NUL) by collectd 5's grammar: one
 * option or block tag a line, quoted strings with backslash escapes, a
 * backslash before the end of a line joins it with the next, # comments.
 * root: zeroed; its children become the statements. Yours, config_item_fini().
 * Returns 0; -EINVAL with "line N, column M: ..." in the error; -ENOMEM. Root
 * is empty after a failure. */
int config_text_parse(const char *text, size_t bytes, struct config_item *root,
                      struct error *error);

#endif

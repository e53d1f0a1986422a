/* SPDX-License-Identifier: MIT */
/* config: collectd's configuration as a tree: keys with values and children. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

enum config_kind {
  CONFIG_STRING, /* quoted, or a bare word */
  CONFIG_NUMBER,
  CONFIG_BOOLEAN, /* true yes on, false no off, bare */
};

struct config_value {
  enum config_kind kind;
  char *string; /* owned by the tree; NULL unless CONFIG_STRING */
  double number;
  bool boolean;
};

/* `Key value ...`, or `<Key value ...>` with children. All memory belongs to
 * the item; all zero is an empty item. */
struct config_item {
  char *key;
  int line;   /* in its file; 0 from collectd, which does not pass it */
  int column; /* of its name, in bytes from 1 */
  /* Where collectd first skips a character or splits a text, 0: nowhere. A '-'
   * in a name without quotes makes two values of it. */
  int skipped_column;
  struct config_value *values;
  size_t values_len;
  struct config_item *children;
  size_t children_len;
};

/* Appends a zeroed child or value. The pointer is valid until the next one is
 * added. Returns NULL when memory is short. */
struct config_item *config_item_add_child(struct config_item *item);
struct config_value *config_item_add_value(struct config_item *item);

/* The first child with that key, ignoring case; NULL if there is none. */
const struct config_item *config_item_find(const struct config_item *item,
                                           const char *key);

/* Frees what the item holds, not the item. Accepts NULL. */
void config_item_fini(struct config_item *item);

/* Reads TEXT (BYTES long, need not end in NUL) by collectd 5's grammar: one
 * option or block tag a line, quoted strings with backslash escapes, a
 * backslash before the end of a line joins it with the next, # comments. The
 * last line must end, too. A character that begins no token is skipped, and so
 * is a block without a name and a statement.
 * root: zeroed; its children become the statements. Yours, config_item_fini().
 * Returns 0; -EINVAL with "line N, column M: ..." in the error; -ENOMEM. Root
 * is empty after a failure. */
int config_text_parse(const char *text, size_t bytes, struct config_item *root,
                      struct error *error);

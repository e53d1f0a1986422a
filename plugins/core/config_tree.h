/* SPDX-License-Identifier: MIT */
/* config_tree: collectd's configuration as we see it: keys with values and
 * children. The daemon's own tree is copied into this one by glue, a file's
 * text is read into it by config_text. */
#ifndef CORE_CONFIG_TREE_H
#define CORE_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>

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
  int line;   /* in its file; 0 where collectd does not tell */
  int column; /* of its name, in bytes from 1 */
  struct config_value *values;
  size_t values_len;
  struct config_item *children;
  size_t children_len;
};

/* Appends a zeroed child or value. The pointer is valid until the next one is
 * added. Returns NULL when memory is short. */
struct config_item *config_item_add_child(struct config_item *item);
struct config_value *config_item_add_value(struct config_item *item);

/* Frees what the item holds, not the item. Accepts NULL. */
void config_item_fini(struct config_item *item);

#endif

/* SPDX-License-Identifier: MIT */
/* config_tree: keys with values and children. */
#include "core/config_tree.h"

#include <stdlib.h>
#include <string.h>

struct config_item *config_item_add_child(struct config_item *item) {
  struct config_item *larger =
      realloc(item->children, (item->children_len + 1) * sizeof(*larger));
  if (larger == NULL) {
    return NULL;
  }
  item->children = larger;
  struct config_item *child = &larger[item->children_len++];
  *child = (struct config_item){0};
  return child;
}

struct config_value *config_item_add_value(struct config_item *item) {
  struct config_value *larger =
      realloc(item->values, (item->values_len + 1) * sizeof(*larger));
  if (larger == NULL) {
    return NULL;
  }
  item->values = larger;
  struct config_value *value = &larger[item->values_len++];
  *value = (struct config_value){0};
  return value;
}

void config_item_fini(struct config_item *item) {
  if (item == NULL) {
    return;
  }
  for (size_t i = 0; i < item->values_len; i++) {
    free(item->values[i].string);
  }
  for (size_t i = 0; i < item->children_len; i++) {
    config_item_fini(&item->children[i]);
  }
  free(item->values);
  free(item->children);
  free(item->key);
  *item = (struct config_item){0};
}

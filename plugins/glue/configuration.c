/* SPDX-License-Identifier: MIT */
/* configuration: collectd's configuration tree -> a plugin's options. */
#include "glue/configuration.h"

#include "collectd.h"
#include "plugin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int copy_value(const oconfig_value_t *from, struct config_item *item) {
  struct config_value *value = config_item_add_value(item);
  if (value == NULL) {
    return -ENOMEM;
  }
  switch (from->type) {
  case OCONFIG_TYPE_STRING:
    value->kind = CONFIG_STRING;
    value->string = strdup(from->value.string);
    return value->string == NULL ? -ENOMEM : 0;
  case OCONFIG_TYPE_BOOLEAN:
    value->kind = CONFIG_BOOLEAN;
    value->boolean = from->value.boolean != 0;
    return 0;
  default:
    value->kind = CONFIG_NUMBER;
    value->number = from->value.number;
    return 0;
  }
}

static int copy_item(const oconfig_item_t *from, struct config_item *to) {
  to->key = strdup(from->key);
  if (to->key == NULL) {
    return -ENOMEM;
  }
  for (int i = 0; i < from->values_num; i++) {
    int code = copy_value(&from->values[i], to);
    if (code != 0) {
      return code;
    }
  }
  for (int i = 0; i < from->children_num; i++) {
    struct config_item *child = config_item_add_child(to);
    int code = child == NULL ? -ENOMEM : copy_item(&from->children[i], child);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

int glue_configure(const struct option_block *plugin,
                   const struct oconfig_item_s *item, void *target) {
  struct config_item copy = {0};
  struct error error = {{0}};
  int code = copy_item(item, &copy);
  if (code != 0) {
    (void)error_set(&error, code, "out of memory");
  } else {
    code = option_parse(plugin, &copy, target, &error);
  }
  config_item_fini(&copy);
  if (code != 0) {
    plugin_log(LOG_ERR, "%s: %s", plugin->name, error.text);
  }
  return code == 0 ? 0 : -1;
}

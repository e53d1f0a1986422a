/* SPDX-License-Identifier: MIT */
/* configured: resource_alert's options out of a collectd.conf. */
#include "ctl/check/configured.h"

#include <errno.h>
#include <strings.h>

#include "ctl/check/config_files.h"
#include "ctl/check/daemon_check.h"

static int take_blocks(const struct config_files *files,
                       struct resource_alert_options *options,
                       struct error *error) {
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_statement *statement = &files->statements[i];
    const char *name = daemon_name_of(statement->item);
    if (strcasecmp(statement->item->key, "Plugin") != 0 || name == NULL ||
        strcasecmp(name, "resource_alert") != 0) {
      continue;
    }
    int code =
        option_parse(&resource_alert_options, statement->item, options, error);
    if (code != 0) {
      error_prefix(error, "%s", statement->path);
      return code;
    }
  }
  const struct stock_options *stock = &options->stock;
  size_t rules = options->thresholds.len + stock->hosts.len +
                 stock->plugins.len + stock->types.len;
  return rules > 0 ? 0
                   : error_set(error, -ENOENT,
                               "there is no <Threshold> in a <Plugin "
                               "resource_alert> block");
}

int configured_read(const char *path, struct resource_alert_options *ret,
                    struct error *error) {
  struct config_files files = {0};
  struct config_place place;
  int code = config_files_read(path, &files, &place, error);
  if (code != 0 && place.path != NULL) {
    error_prefix(error, "%s:%d:%d", place.path, place.line, place.column);
  }
  if (code == 0) {
    code = option_init(&resource_alert_options, ret);
    if (code == 0) {
      code = take_blocks(&files, ret, error);
      if (code == -ENOENT) {
        error_prefix(error, "%s", path);
      }
      if (code != 0) {
        configured_fini(ret);
      }
    }
  }
  config_files_fini(&files);
  return code;
}

void configured_fini(struct resource_alert_options *options) {
  option_fini(&resource_alert_options, options);
}

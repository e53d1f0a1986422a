/* SPDX-License-Identifier: MIT */
/* dbpool: glue between collectd and the plugin's trade. */
#include "dbpool/options.h"
#include "glue/configuration.h"
#include "glue/module.h"

#include "collectd.h"
#include "plugin.h"

static struct dbpool_options options;

static int configure(oconfig_item_t *item) {
  return glue_configure(&dbpool_options, item, &options);
}

void module_register(void) {
  if (option_init(&dbpool_options, &options) == 0) {
    plugin_register_complex_config("dbpool", configure);
  }
}

/* SPDX-License-Identifier: MIT */
/* statgrab: glue between collectd and the plugin's trade. */
#include "glue/configuration.h"
#include "glue/module.h"
#include "statgrab/options.h"

#include "collectd.h"
#include "plugin.h"

static struct statgrab_options options;

static int configure(oconfig_item_t *item) {
  return glue_configure(&statgrab_options, item, &options);
}

void module_register(void) {
  if (option_init(&statgrab_options, &options) == 0) {
    plugin_register_complex_config("statgrab", configure);
  }
}

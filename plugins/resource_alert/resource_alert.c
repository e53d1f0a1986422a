/* SPDX-License-Identifier: MIT */
/* resource_alert: glue between collectd and the plugin's trade. */
#include "glue/configuration.h"
#include "glue/module.h"
#include "resource_alert/options.h"

#include "collectd.h"
#include "plugin.h"

static struct resource_alert_options options;

static int configure(oconfig_item_t *item) {
  return glue_configure(&resource_alert_options, item, &options);
}

void module_register(void) {
  if (option_init(&resource_alert_options, &options) == 0) {
    plugin_register_complex_config("resource_alert", configure);
  }
}

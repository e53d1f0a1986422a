/* SPDX-License-Identifier: MIT */
/* session_log: glue between collectd and the plugin's trade. */
#include "glue/configuration.h"
#include "glue/module.h"
#include "session_log/options.h"

#include "collectd.h"
#include "plugin.h"

static struct session_log_options options;

static int configure(oconfig_item_t *item) {
  return glue_configure(&session_log_options, item, &options);
}

void module_register(void) {
  if (option_init(&session_log_options, &options) == 0) {
    plugin_register_complex_config("session_log", configure);
  }
}

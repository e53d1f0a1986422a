/* SPDX-License-Identifier: MIT */
/* configuration: collectd's configuration tree -> a plugin's options. */
#ifndef GLUE_CONFIGURATION_H
#define GLUE_CONFIGURATION_H

#include "core/config.h"
#include "core/option.h"

struct oconfig_item_s; /* collectd's */

/* For a plugin's config callback: copies one <Plugin> block of the daemon and
 * fills TARGET, initialized before, by the table. What is wrong is logged in
 * one line under the plugin's name.
 * Returns 0 or -1, which makes collectd refuse to start. */
int glue_configure(const struct option_block *plugin,
                   const struct oconfig_item_s *item, void *target);

#endif

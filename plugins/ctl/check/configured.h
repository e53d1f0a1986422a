/* SPDX-License-Identifier: MIT */
/* configured: resource_alert's options out of a collectd.conf. */
#ifndef CTL_CHECK_CONFIGURED_H
#define CTL_CHECK_CONFIGURED_H

#include "core/error.h"
#include "resource_alert/options.h"

/* Reads PATH and its Includes and takes every <Plugin resource_alert> block.
 * Returns 0 with *ret yours (configured_fini); or negative errno with a text
 * that names file and line. */
int configured_read(const char *path, struct resource_alert_options *ret,
                    struct error *error);
void configured_fini(struct resource_alert_options *options);

#endif

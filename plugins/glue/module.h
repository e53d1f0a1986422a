/* SPDX-License-Identifier: MIT */
/* module: the one symbol that collectd looks for in a plugin. */
#ifndef GLUE_MODULE_H
#define GLUE_MODULE_H

/* Registers the plugin's callbacks and does nothing else: collectd calls it
 * before the configuration is read and before it becomes a daemon. */
__attribute__((visibility("default"))) void module_register(void);

#endif

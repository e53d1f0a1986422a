/* SPDX-License-Identifier: MIT */
/* daemon_check: collectd's own statements, as far as they decide whether our
 * plugins are heard: globals, LoadPlugin, TypesDB. */
#ifndef CTL_CHECK_DAEMON_CHECK_H
#define CTL_CHECK_DAEMON_CHECK_H

#include <stdbool.h>

#include "ctl/check/diagnostics.h"

/* Returns false if no LoadPlugin names NAME; otherwise *ret_index is the first
 * statement that does. */
bool daemon_loads(const struct config_files *files, const char *name,
                  size_t *ret_index);

/* The string of a one-value statement, or NULL. Borrowed from ITEM. */
const char *daemon_name_of(const struct config_item *item);

/* Says what makes collectd pass over our blocks or refuse our types. */
void daemon_check(const struct config_files *files, struct findings *findings);

#endif

/* SPDX-License-Identifier: MIT */
/* usage: asks one file system how full it is. */
#ifndef STATGRAB_USAGE_H
#define STATGRAB_USAGE_H

#include "statgrab/facts.h"

/* May wait for ever where a server or a FUSE daemon is gone. Returns 0 or
 * negative errno. Any thread. */
int usage_read(const char *path, struct usage_facts *facts);

#endif

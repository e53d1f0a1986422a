/* SPDX-License-Identifier: MIT */
/* collect: libstatgrab as a source of facts; the only file that knows it. */
#ifndef STATGRAB_COLLECT_H
#define STATGRAB_COLLECT_H

#include "core/error.h"
#include "statgrab/source.h"

/* Everything that libstatgrab has, through its reentrant functions only: the
 * others keep results per thread, and collectd reads in any of several. */
extern const struct source libstatgrab_source;

/* Sets libstatgrab up for the process; before any reading. Returns 0, or
 * -EIO with a text where a part of it could not be set up; the other parts
 * work nevertheless. */
int collect_init(struct error *error);

/* The opposite; after all reading. */
void collect_fini(void);

#endif

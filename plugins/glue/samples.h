/* SPDX-License-Identifier: MIT */
/* samples: values out, from a trade to collectd's bus. */
#ifndef GLUE_SAMPLES_H
#define GLUE_SAMPLES_H

#include "core/error.h"
#include "core/sample.h"

/* The sink that dispatches under the name of PLUGIN (borrowed for as long as
 * the sink lives), for this host, now, at the interval of the read callback
 * that is running. A name with a slash gets '-' for it, control characters
 * become '_'. Any thread. */
struct sample_sink glue_sample_sink(const char *plugin);

/* Checks that collectd knows TYPE; to be called in init, for while configuring
 * types.db may not be read yet. Returns 0, or -ENOENT with what to do. */
int glue_require_type(const char *type, struct error *error);

#endif

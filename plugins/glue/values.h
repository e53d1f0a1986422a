/* SPDX-License-Identifier: MIT */
/* values: values between collectd's types and ours. */
#ifndef GLUE_VALUES_H
#define GLUE_VALUES_H

#include "core/error.h"
#include "core/metric.h"

/* The sink that dispatches under the name of PLUGIN (borrowed for as long as
 * the sink lives), for this host, now, at the interval of the read callback
 * that is running. A name with a slash gets '-' for it, control characters
 * become '_'. Any thread. */
struct sample_sink glue_sample_sink(const char *plugin);

/* Checks that collectd knows TYPE; to be called in init, for while configuring
 * types.db may not be read yet. Returns 0, or -ENOENT with what to do. */
int glue_require_type(const char *type, struct error *error);

struct data_set_s;
struct value_list_s;

/* What a write callback got, as a trade sees it. Nothing is copied: the
 * reading lives as long as the callback runs. */
struct reading glue_reading(const struct data_set_s *type,
                            const struct value_list_s *list);

/* A type that collectd knows by its name; in and after init. *ret_sources: how
 * many data sources it has. Returns 0 or -ENOENT. */
int glue_find_type(const char *name, struct reading_type *ret_type,
                   size_t *ret_sources);

#endif

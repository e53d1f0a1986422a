/* SPDX-License-Identifier: MIT */
/* readings: values in, from collectd's bus to a trade. */
#ifndef GLUE_READINGS_H
#define GLUE_READINGS_H

#include "core/reading.h"

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

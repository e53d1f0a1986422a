/* SPDX-License-Identifier: MIT */
/* identity: a series' name as people and files write it, and as collectd
 * holds it. */
#ifndef CTL_SIMULATE_IDENTITY_H
#define CTL_SIMULATE_IDENTITY_H

#include "core/error.h"
#include "core/metric.h"

/* Splits "host/plugin-instance/type-instance"; an instance begins behind the
 * first '-'. Returns 0 or -EINVAL with the reason. */
int identity_parse(const char *text, struct reading_names *ret_names,
                   struct error *error);

/* The same for whom a notification speaks of, which may have no type. */
int identity_parse_speaker(const char *text, struct reading_names *ret_names,
                           struct error *error);

#endif

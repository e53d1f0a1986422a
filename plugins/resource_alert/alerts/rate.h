/* SPDX-License-Identifier: MIT */
/* rate: the gauge of a raw value: a level, or a change a second. */
#pragma once

#include <stdint.h>

#include "core/metric.h"

/* The gauge of one raw value, NaN where there is none: the first value of a
 * counter, one outside the source's range.
 * raw, previous: the 8 bytes as collectd has them. elapsed_ns: between the
 * two; 0: there is no previous one. A counter that is less than before wrapped
 * at 32 bits if it was below 2^32, else at 64 bits, as collectd sees it. */
double rate_compute(const struct reading_source *source, uint64_t raw,
                    uint64_t previous, int64_t elapsed_ns);

/* SPDX-License-Identifier: MIT */
/* series_rate: the gauge of a raw value: a level, or a change a second. */
#include "resource_alert/alerts/series.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* A counter that went down wrapped at 32 bits if it was below 2^32. */
static double counter_difference(uint64_t raw, uint64_t previous) {
  if (raw < previous && previous <= UINT32_MAX) {
    return (double)((UINT32_MAX - previous) + raw + 1);
  }
  return (double)(raw - previous); /* modulo 2^64 is the wrap at 64 bits */
}

/* A gauge is a double in the same 8 bytes. */
static double decode_gauge(uint64_t raw) {
  double level;
  memcpy(&level, &raw, sizeof(level));
  return level;
}

/* Since the previous value; an ABSOLUTE is the change already. */
static double compute_change(enum reading_kind kind, uint64_t raw,
                             uint64_t previous) {
  switch (kind) {
  case READING_DERIVE: /* the difference of two int64_t, wrapped, not undefined
                        */
    return (double)(int64_t)(raw - previous);
  case READING_COUNTER:
    return counter_difference(raw, previous);
  case READING_ABSOLUTE:
    return (double)raw;
  case READING_GAUGE:
    break;
  }
  return decode_gauge(raw);
}

double series_rate_compute(const struct reading_source *source, uint64_t raw,
                           uint64_t previous, int64_t elapsed_ns) {
  double value;
  if (source->kind == READING_GAUGE) {
    value = decode_gauge(raw);
  } else if (elapsed_ns <= 0) {
    return (double)NAN;
  } else {
    value = compute_change(source->kind, raw, previous) /
            ((double)elapsed_ns / 1e9);
  }
  bool is_outside = value < source->min || value > source->max;
  return is_outside ? (double)NAN : value;
}

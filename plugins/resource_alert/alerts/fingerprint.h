/* SPDX-License-Identifier: MIT */
/* fingerprint: 128 bits that stand for the five names of a series. */
#ifndef RESOURCE_ALERT_ALERTS_FINGERPRINT_H
#define RESOURCE_ALERT_ALERTS_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/metric.h"

struct fingerprint {
  uint64_t low, high;
};

/* Drawn once per process, so that nobody who sends names over the network can
 * make two of them alike. */
struct fingerprint_key {
  uint64_t names[5][READING_NAME_BYTES / 8]; /* for each word of each name */
  uint64_t last[2];
};

/* Draws from the kernel. Returns 0 or negative errno. */
int fingerprint_key_draw(struct fingerprint_key *key);

/* Two given series are alike with a chance of 2^-63, some two of a million with
 * 2^-24: series are compared by this alone, by its low word and the half of
 * the high one that fingerprint_high() gives. */
struct fingerprint fingerprint_of_names(const struct reading_names *names,
                                        const struct fingerprint_key *key);

/* A 64-bit hash, for comparing before looking. Never 0. */
uint64_t fingerprint_of_bytes(const char *bytes, size_t length);

static inline bool fingerprint_is_same(struct fingerprint a,
                                       struct fingerprint b) {
  return a.low == b.low && a.high == b.high;
}

/* Never 0. */
static inline uint32_t fingerprint_high(struct fingerprint id) {
  return (uint32_t)id.high | 1;
}

#endif

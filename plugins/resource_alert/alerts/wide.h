/* SPDX-License-Identifier: MIT */
/* wide: numbers of 128 bits, also where the compiler has none (32-bit
 * machines).
 */
#ifndef RESOURCE_ALERT_ALERTS_WIDE_H
#define RESOURCE_ALERT_ALERTS_WIDE_H

#include <stdint.h>

struct wide {
  uint64_t low, high;
};

static inline struct wide wide_sum(struct wide a, struct wide b) {
  uint64_t low = a.low + b.low;
  return (struct wide){.low = low, .high = a.high + b.high + (low < a.low)};
}

/* By halves, as on paper. */
static inline struct wide wide_product_of_halves(uint64_t a, uint64_t b) {
  uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
  uint64_t left = (a >> 32) * (b & UINT32_MAX);
  uint64_t right = (a & UINT32_MAX) * (b >> 32);
  uint64_t middle = (low >> 32) + (left & UINT32_MAX) + (right & UINT32_MAX);
  return (struct wide){
      .low = middle << 32 | (low & UINT32_MAX),
      .high =
          (a >> 32) * (b >> 32) + (left >> 32) + (right >> 32) + (middle >> 32),
  };
}

static inline struct wide wide_product(uint64_t a, uint64_t b) {
#ifdef __SIZEOF_INT128__
  __extension__ typedef unsigned __int128 uint128;
  uint128 product = (uint128)a * b;
  return (struct wide){.low = (uint64_t)product,
                       .high = (uint64_t)(product >> 64)};
#else
  return wide_product_of_halves(a, b);
#endif
}

#endif

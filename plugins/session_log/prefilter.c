/* SPDX-License-Identifier: MIT */
/* prefilter: finds the places where one of a few texts may stand, as fast as
 * memory delivers. Written in vector extensions, so that every compiler makes
 * of it what its processor has; on x86 once more for AVX2, chosen at run
 * time. */
#include "session_log/prefilter.h"

#include <stdbool.h>
#include <string.h>

#define LANES 32
#define INLINE static inline __attribute__((always_inline))

typedef uint8_t lanes __attribute__((vector_size(LANES)));
typedef uint64_t words __attribute__((vector_size(LANES)));

struct splat {
  lanes first, second;
  size_t gap;
};

INLINE void splat_pairs(const struct prefilter *prefilter, size_t n,
                        struct splat *splats) {
  for (size_t i = 0; i < n; i++) {
    memset(&splats[i].first, prefilter->pairs[i].first, LANES);
    memset(&splats[i].second, prefilter->pairs[i].second, LANES);
    splats[i].gap = prefilter->pairs[i].gap;
  }
}

INLINE void find_in_lanes(const uint8_t *at, size_t n,
                          const struct splat *splats, lanes *ret_found) {
  lanes here;
  memcpy(&here, at, LANES);
  lanes found = {0};
  for (size_t i = 0; i < n; i++) {
    lanes there;
    memcpy(&there, at + splats[i].gap, LANES);
    found |=
        (lanes)(here == splats[i].first) & (lanes)(there == splats[i].second);
  }
  *ret_found = found;
}

INLINE bool is_any(const lanes *found) {
  words all;
  memcpy(&all, found, sizeof(all));
  return (all[0] | all[1] | all[2] | all[3]) != 0;
}

/* Byte order does not matter here: bytes are looked at one by one. */
static uint64_t mask_of(const lanes *low, const lanes *high) {
  uint8_t bytes[2 * LANES];
  uint64_t mask = 0;
  memcpy(bytes, low, LANES);
  memcpy(bytes + LANES, high, LANES);
  for (size_t i = 0; i < sizeof(bytes); i++) {
    mask |= (uint64_t)(bytes[i] & 1) << i;
  }
  return mask;
}

INLINE size_t search_n(const struct prefilter *prefilter, size_t n,
                       const uint8_t *data, size_t from, size_t bytes,
                       uint64_t *ret_mask) {
  struct splat splats[PREFILTER_PAIRS_MAX];
  splat_pairs(prefilter, n, splats);
  for (size_t at = from; at < bytes; at += PREFILTER_BLOCK_BYTES) {
    lanes low;
    lanes high;
    find_in_lanes(data + at, n, splats, &low);
    find_in_lanes(data + at + LANES, n, splats, &high);
    lanes both = low | high;
    if (is_any(&both)) {
      uint64_t mask = mask_of(&low, &high);
      if (bytes - at < PREFILTER_BLOCK_BYTES) { /* not what is behind the end */
        mask &= (UINT64_C(1) << (bytes - at)) - 1;
      }
      if (mask != 0) {
        *ret_mask = mask;
        return at;
      }
    }
  }
  return bytes;
}

/* A constant number of pairs lets the compiler keep them in registers. */
INLINE size_t search_any(const struct prefilter *prefilter, const uint8_t *data,
                         size_t from, size_t bytes, uint64_t *ret_mask) {
  switch (prefilter->pairs_len) {
  case 1:
    return search_n(prefilter, 1, data, from, bytes, ret_mask);
  case 2:
    return search_n(prefilter, 2, data, from, bytes, ret_mask);
  case 3:
    return search_n(prefilter, 3, data, from, bytes, ret_mask);
  case 4:
    return search_n(prefilter, 4, data, from, bytes, ret_mask);
  case 5:
    return search_n(prefilter, 5, data, from, bytes, ret_mask);
  case 6:
    return search_n(prefilter, 6, data, from, bytes, ret_mask);
  default:
    return search_n(prefilter, prefilter->pairs_len, data, from, bytes,
                    ret_mask);
  }
}

static size_t search_portable(const struct prefilter *prefilter,
                              const uint8_t *data, size_t from, size_t bytes,
                              uint64_t *ret_mask) {
  return search_any(prefilter, data, from, bytes, ret_mask);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static size_t
search_avx2(const struct prefilter *prefilter, const uint8_t *data, size_t from,
            size_t bytes, uint64_t *ret_mask) {
  return search_any(prefilter, data, from, bytes, ret_mask);
}
#endif

void prefilter_prepare(struct prefilter *prefilter) {
  prefilter->search = search_portable;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    prefilter->search = search_avx2;
  }
#endif
}

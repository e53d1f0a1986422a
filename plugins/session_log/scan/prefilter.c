/* SPDX-License-Identifier: MIT */
/* prefilter: finds the places where one of a few texts may stand. This engine
 * is written in vector extensions, so every compiler makes of it what its
 * processor has: two bytes of each anchor are compared at 16 places at once. */
#include "session_log/scan/prefilter.h"

#include <errno.h>
#include <string.h>

#define LANES 16 /* what every vector unit has */
#define BUCKETS 8
#define INLINE static inline __attribute__((always_inline))

typedef uint8_t lanes __attribute__((vector_size(LANES)));
typedef uint64_t words __attribute__((vector_size(LANES)));

/* The first and the last byte of an anchor, in every lane. */
struct splat {
  lanes first, last;
};

INLINE void find_in_lanes(const uint8_t *at, size_t n,
                          const struct splat *splats, lanes *ret_found) {
  lanes here;
  lanes there;
  lanes found = {0};
  memcpy(&here, at, LANES);
  memcpy(&there, at + PREFILTER_ANCHOR_BYTES - 1, LANES);
  for (size_t i = 0; i < n; i++) {
    found |=
        (lanes)(here == splats[i].first) & (lanes)(there == splats[i].last);
  }
  *ret_found = found;
}

/* Bytes are looked at one by one: their order does not matter here. */
static uint64_t mask_of(const lanes *found) {
  uint8_t bytes[PREFILTER_BLOCK_BYTES];
  uint64_t mask = 0;
  memcpy(bytes, found, sizeof(bytes));
  for (size_t i = 0; i < sizeof(bytes); i++) {
    mask |= (uint64_t)(bytes[i] & 1) << i;
  }
  return mask;
}

INLINE size_t search_n(const struct splat *splats, size_t n,
                       const uint8_t *data, size_t from, size_t bytes,
                       uint64_t *ret_mask) {
  for (size_t at = from; at < bytes; at += PREFILTER_BLOCK_BYTES) {
    lanes found[PREFILTER_BLOCK_BYTES / LANES];
    lanes any = {0};
    for (size_t i = 0; i < PREFILTER_BLOCK_BYTES / LANES; i++) {
      find_in_lanes(data + at + i * LANES, n, splats, &found[i]);
      any |= found[i];
    }
    words all = (words)any;
    if ((all[0] | all[1]) == 0) {
      continue;
    }
    uint64_t mask = mask_of(found);
    if (bytes - at < PREFILTER_BLOCK_BYTES) { /* not what is behind the end */
      mask &= (UINT64_C(1) << (bytes - at)) - 1;
    }
    if (mask != 0) {
      *ret_mask = mask;
      return at;
    }
  }
  return bytes;
}

/* A constant number of anchors lets the compiler keep them in registers. */
static size_t search_portable(const struct prefilter *prefilter,
                              const uint8_t *data, size_t from, size_t bytes,
                              uint64_t *ret_mask, size_t *newlines) {
  struct splat splats[PREFILTER_ANCHORS_MAX];
  size_t n = prefilter->anchors_len;
  for (size_t i = 0; i < n; i++) {
    const uint8_t *anchor = prefilter->anchors[i];
    memset(&splats[i].first, anchor[0], LANES);
    memset(&splats[i].last, anchor[PREFILTER_ANCHOR_BYTES - 1], LANES);
  }
  size_t at;
  if (from >= bytes) {
    return bytes;
  }
  switch (n) {
  case 1:
    at = search_n(splats, 1, data, from, bytes, ret_mask);
    break;
  case 2:
    at = search_n(splats, 2, data, from, bytes, ret_mask);
    break;
  case 3:
    at = search_n(splats, 3, data, from, bytes, ret_mask);
    break;
  case 4:
    at = search_n(splats, 4, data, from, bytes, ret_mask);
    break;
  default:
    at = search_n(splats, n, data, from, bytes, ret_mask);
    break;
  }
  size_t end =
      bytes - at < PREFILTER_BLOCK_BYTES ? bytes : at + PREFILTER_BLOCK_BYTES;
  *newlines += prefilter_count_newlines(data + from, end - from);
  return at;
}

static void fill_halves(struct prefilter *prefilter) {
  memset(prefilter->halves, 0, sizeof(prefilter->halves));
  for (size_t i = 0; i < prefilter->anchors_len; i++) {
    uint8_t bucket = (uint8_t)(1U << (i % BUCKETS));
    for (size_t j = 0; j < PREFILTER_ANCHOR_BYTES; j++) {
      uint8_t byte = prefilter->anchors[i][j];
      prefilter->halves[j].low[byte & 0x0f] |= bucket;
      prefilter->halves[j].high[byte >> 4] |= bucket;
    }
  }
}

static bool is_ascii(const struct prefilter *prefilter) {
  for (size_t i = 0; i < prefilter->anchors_len; i++) {
    for (size_t j = 0; j < PREFILTER_ANCHOR_BYTES; j++) {
      if (prefilter->anchors[i][j] >= 0x80) {
        return false;
      }
    }
  }
  return true;
}

int prefilter_use(struct prefilter *prefilter, enum prefilter_engine engine) {
  prefilter_search *search =
      engine == PREFILTER_PORTABLE ? search_portable : prefilter_native(engine);
  if (search == NULL ||
      (engine != PREFILTER_PORTABLE && !is_ascii(prefilter))) {
    return -ENOTSUP;
  }
  fill_halves(prefilter);
  prefilter->search = search;
  return 0;
}

void prefilter_prepare(struct prefilter *prefilter) {
  if (prefilter_use(prefilter, PREFILTER_AVX512) != 0 &&
      prefilter_use(prefilter, PREFILTER_AVX2) != 0) {
    (void)prefilter_use(prefilter, PREFILTER_PORTABLE);
  }
}

/* SPDX-License-Identifier: MIT */
/* prefilter_x86: the same search by table look-up, for any number of anchors at
 * one price: the low and the high half of each byte look up the buckets that
 * have such an anchor, and what is left after three bytes is a candidate (the
 * method of Hyperscan's Teddy). Chosen at run time. */
#include "session_log/scan/prefilter.h"

#include <immintrin.h>

#define HALF 0x0f

/* A byte from 0x80 on looks up nothing: so the low half needs no mask, and
 * anchors must be ASCII. */
__attribute__((target("avx2"))) static inline __m256i
look_up_256(const uint8_t *at, const struct prefilter_halves *halves) {
  __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
  __m256i low = _mm256_broadcastsi128_si256(
      _mm_loadu_si128((const __m128i *)(const void *)halves->low));
  __m256i high = _mm256_broadcastsi128_si256(
      _mm_loadu_si128((const __m128i *)(const void *)halves->high));
  __m256i upper =
      _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(HALF));
  return _mm256_and_si256(_mm256_shuffle_epi8(low, bytes),
                          _mm256_shuffle_epi8(high, upper));
}

__attribute__((target("avx2"))) static inline __m256i
find_256(const struct prefilter *prefilter, const uint8_t *at) {
  __m256i first = look_up_256(at, &prefilter->halves[0]);
  __m256i second = look_up_256(at + 1, &prefilter->halves[1]);
  __m256i third = look_up_256(at + 2, &prefilter->halves[2]);
  return _mm256_and_si256(_mm256_and_si256(first, second), third);
}

__attribute__((target("avx2"))) static inline uint64_t mask_256(__m256i found) {
  __m256i is_none = _mm256_cmpeq_epi8(found, _mm256_setzero_si256());
  return (uint32_t)~_mm256_movemask_epi8(is_none);
}

/* The first BYTES bits, all 64 from there on. */
static inline uint64_t first_bits(size_t bytes) {
  return bytes < PREFILTER_BLOCK_BYTES ? (UINT64_C(1) << bytes) - 1
                                       : UINT64_MAX;
}

__attribute__((target("avx2"))) static inline uint64_t
newlines_256(const uint8_t *at) {
  __m256i newline = _mm256_set1_epi8('\n');
  __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)at);
  __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(at + 32));
  uint64_t lower =
      (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, newline));
  uint64_t upper =
      (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, newline));
  return lower | upper << 32;
}

__attribute__((target("avx2,popcnt"))) static size_t
search_avx2(const struct prefilter *prefilter, const uint8_t *data, size_t from,
            size_t bytes, uint64_t *ret_mask, size_t *newlines) {
  for (size_t at = from; at < bytes; at += PREFILTER_BLOCK_BYTES) {
    __m256i low = find_256(prefilter, data + at);
    __m256i high = find_256(prefilter, data + at + 32);
    uint64_t inside = first_bits(bytes - at);
    *newlines += (size_t)__builtin_popcountll(newlines_256(data + at) & inside);
    __m256i both = _mm256_or_si256(low, high);
    if (_mm256_testz_si256(both, both)) {
      continue;
    }
    uint64_t mask = (mask_256(low) | mask_256(high) << 32) & inside;
    if (mask != 0) {
      *ret_mask = mask;
      return at;
    }
  }
  return bytes;
}

__attribute__((target("avx512bw"))) static inline __m512i
look_up_512(const uint8_t *at, const struct prefilter_halves *halves) {
  __m512i bytes = _mm512_loadu_si512(at);
  __m512i low = _mm512_broadcast_i32x4(
      _mm_loadu_si128((const __m128i *)(const void *)halves->low));
  __m512i high = _mm512_broadcast_i32x4(
      _mm_loadu_si128((const __m128i *)(const void *)halves->high));
  __m512i upper =
      _mm512_and_si512(_mm512_srli_epi16(bytes, 4), _mm512_set1_epi8(HALF));
  return _mm512_and_si512(_mm512_shuffle_epi8(low, bytes),
                          _mm512_shuffle_epi8(high, upper));
}

__attribute__((target("avx512bw,popcnt"))) static size_t
search_avx512(const struct prefilter *prefilter, const uint8_t *data,
              size_t from, size_t bytes, uint64_t *ret_mask, size_t *newlines) {
  for (size_t at = from; at < bytes; at += PREFILTER_BLOCK_BYTES) {
    __m512i first = look_up_512(data + at, &prefilter->halves[0]);
    __m512i second = look_up_512(data + at + 1, &prefilter->halves[1]);
    __m512i third = look_up_512(data + at + 2, &prefilter->halves[2]);
    uint64_t inside = first_bits(bytes - at);
    uint64_t ends = _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(data + at),
                                           _mm512_set1_epi8('\n'));
    *newlines += (size_t)__builtin_popcountll(ends & inside);
    uint64_t mask =
        _mm512_test_epi8_mask(_mm512_and_si512(first, second), third) & inside;
    if (mask != 0) {
      *ret_mask = mask;
      return at;
    }
  }
  return bytes;
}

prefilter_search *prefilter_native(enum prefilter_engine engine) {
  if (engine == PREFILTER_AVX512 && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("popcnt")) {
    return search_avx512;
  }
  if (engine == PREFILTER_AVX2 && __builtin_cpu_supports("avx2") &&
      __builtin_cpu_supports("popcnt")) {
    return search_avx2;
  }
  return NULL;
}

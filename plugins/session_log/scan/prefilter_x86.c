/* SPDX-License-Identifier: MIT */
/* prefilter_x86: the same search by table look-up, for any number of anchors at
 * one price: each byte looks up the buckets of anchors that have it at this
 * place, and what is left after three bytes may be one (the method of
 * Hyperscan's Teddy). Chosen at run time.
 *
 * Tables are taken into registers first: what is stored in FOUND might change
 * them, as far as the compiler knows, and it would load them for each block. */
#include "session_log/scan/prefilter.h"

#include <immintrin.h>

/* ---- 32 bytes at once, looked up by their halves ---- */

#define AVX2 __attribute__((target("avx2,popcnt")))

AVX2 static inline __m256i load_256(const uint8_t *at) {
  return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

/* One byte's table, in both halves of a register. */
struct halves {
  __m256i low, high;
};

AVX2 static inline __m256i twice_256(const uint8_t *half) {
  return _mm256_broadcastsi128_si256(
      _mm_loadu_si128((const __m128i *)(const void *)half));
}

AVX2 static inline struct halves
halves_of(const struct prefilter_table *table) {
  return (struct halves){twice_256(table->low), twice_256(table->high)};
}

/* A byte from 0x80 on looks up nothing: so the low half needs no mask, and
 * anchors must be ASCII. */
AVX2 static inline __m256i look_up_256(const uint8_t *at, struct halves table) {
  __m256i bytes = load_256(at);
  __m256i upper =
      _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
  return _mm256_and_si256(_mm256_shuffle_epi8(table.low, bytes),
                          _mm256_shuffle_epi8(table.high, upper));
}

AVX2 static inline __m256i find_256(const struct halves tables[3],
                                    const uint8_t *at) {
  __m256i first = look_up_256(at, tables[0]);
  __m256i second = look_up_256(at + 1, tables[1]);
  __m256i third = look_up_256(at + 2, tables[2]);
  return _mm256_and_si256(_mm256_and_si256(first, second), third);
}

/* One bit for each byte that both have. */
AVX2 static inline uint64_t equal_256(__m256i a, __m256i b) {
  return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b));
}

AVX2 static size_t search_avx2(const struct prefilter *prefilter,
                               const uint8_t *data, size_t bytes,
                               struct prefilter_found *found,
                               size_t *newlines) {
  const struct halves tables[] = {halves_of(&prefilter->tables[0]),
                                  halves_of(&prefilter->tables[1]),
                                  halves_of(&prefilter->tables[2])};
  const __m256i newline = _mm256_set1_epi8('\n');
  const __m256i none = _mm256_setzero_si256();
  size_t len = 0;
  size_t ends_len = 0;
  for (size_t at = 0; at < bytes; at += PREFILTER_BLOCK_BYTES) {
    __builtin_prefetch(data + at + PREFILTER_AHEAD_BYTES);
    __m256i low = find_256(tables, data + at);
    __m256i high = find_256(tables, data + at + 32);
    uint64_t ends = equal_256(load_256(data + at), newline) |
                    equal_256(load_256(data + at + 32), newline) << 32;
    ends_len += (size_t)__builtin_popcountll(ends);
    __m256i any = _mm256_or_si256(low, high);
    if (!_mm256_testz_si256(any, any)) {
      uint64_t mask = ~(equal_256(low, none) | equal_256(high, none) << 32);
      found[len++] = (struct prefilter_found){mask, at};
    }
  }
  *newlines += ends_len;
  return len;
}

/* ---- 64 bytes at once, looked up by six bits ---- */

#define AVX512 __attribute__((target("avx512bw,avx512vbmi,popcnt")))

/* What six bits do not tell apart, letters from digits and bytes from 0x80 on,
 * hardly ever makes an anchor of what is none. */
AVX512 static inline __m512i look_up_512(const uint8_t *at, __m512i table) {
  return _mm512_permutexvar_epi8(_mm512_loadu_si512(at), table);
}

/* Without a branch: where nothing is found, the entry is written over. */
AVX512 static size_t search_avx512(const struct prefilter *prefilter,
                                   const uint8_t *data, size_t bytes,
                                   struct prefilter_found *found,
                                   size_t *newlines) {
  const __m512i first = _mm512_loadu_si512(prefilter->tables[0].six);
  const __m512i second = _mm512_loadu_si512(prefilter->tables[1].six);
  const __m512i third = _mm512_loadu_si512(prefilter->tables[2].six);
  const __m512i newline = _mm512_set1_epi8('\n');
  size_t len = 0;
  size_t ends = 0;
  for (size_t at = 0; at < bytes; at += PREFILTER_BLOCK_BYTES) {
    __builtin_prefetch(data + at + PREFILTER_AHEAD_BYTES);
    __m512i both = _mm512_and_si512(look_up_512(data + at, first),
                                    look_up_512(data + at + 1, second));
    uint64_t mask =
        _mm512_test_epi8_mask(both, look_up_512(data + at + 2, third));
    ends += (size_t)__builtin_popcountll(
        _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(data + at), newline));
    found[len] = (struct prefilter_found){mask, at};
    len += mask != 0;
  }
  *newlines += ends;
  return len;
}

prefilter_search *prefilter_native(enum prefilter_engine engine) {
  if (!__builtin_cpu_supports("popcnt")) {
    return NULL;
  }
  if (engine == PREFILTER_AVX512 && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vbmi")) {
    return search_avx512;
  }
  if (engine == PREFILTER_AVX2 && __builtin_cpu_supports("avx2")) {
    return search_avx2;
  }
  return NULL;
}

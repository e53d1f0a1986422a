/* SPDX-License-Identifier: MIT */
/* prefilter: finds the places where one of a few texts may stand, as fast as
 * memory delivers: two bytes of a text at their distance, 32 places at once. */
#ifndef SESSION_LOG_PREFILTER_H
#define SESSION_LOG_PREFILTER_H

#include <stddef.h>
#include <stdint.h>

#define PREFILTER_PAIRS_MAX 64
#define PREFILTER_BLOCK_BYTES 64
#define PREFILTER_GAP_MAX 31
/* Readable bytes that must follow the data; their content does not matter. */
#define PREFILTER_SLACK_BYTES (PREFILTER_BLOCK_BYTES + PREFILTER_GAP_MAX + 1)

struct prefilter_pair {
  uint8_t first;
  uint8_t second;
  uint8_t gap; /* bytes from first to second, 1 .. PREFILTER_GAP_MAX */
};

struct prefilter;

typedef size_t prefilter_search(const struct prefilter *prefilter,
                                const uint8_t *data, size_t from, size_t bytes,
                                uint64_t *ret_mask);

struct prefilter {
  struct prefilter_pair pairs[PREFILTER_PAIRS_MAX];
  size_t pairs_len; /* at least 1 */
  prefilter_search *search;
};

/* Chooses the fastest search that this processor has; pairs are set before. */
void prefilter_prepare(struct prefilter *prefilter);

/* Looks at DATA in blocks of PREFILTER_BLOCK_BYTES, the first one at FROM, and
 * stops at the first block in which a pair stands.
 * *ret_mask: bit i is set if a pair's first byte stands at the block's byte i.
 * Returns the block's position, or BYTES (and leaves the mask) if there is
 * none. */
static inline size_t prefilter_next(const struct prefilter *prefilter,
                                    const uint8_t *data, size_t from,
                                    size_t bytes, uint64_t *ret_mask) {
  return prefilter->search(prefilter, data, from, bytes, ret_mask);
}

#endif

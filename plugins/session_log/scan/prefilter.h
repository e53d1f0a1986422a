/* SPDX-License-Identifier: MIT */
/* prefilter: finds the places where one of a few texts may stand, as fast as
 * memory delivers: it looks for three bytes of each text, its anchor. */
#ifndef SESSION_LOG_SCAN_PREFILTER_H
#define SESSION_LOG_SCAN_PREFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PREFILTER_ANCHOR_BYTES 3
#define PREFILTER_ANCHORS_MAX 64
#define PREFILTER_BLOCK_BYTES ((size_t)64)
/* Readable bytes that must follow the data; their content does not matter. */
#define PREFILTER_SLACK_BYTES (2 * PREFILTER_BLOCK_BYTES)

struct prefilter;

typedef size_t prefilter_search(const struct prefilter *prefilter,
                                const uint8_t *data, size_t from, size_t bytes,
                                uint64_t *ret_mask, size_t *newlines);

/* For each byte of an anchor, which buckets of anchors have one with this low
 * and one with this high half. */
struct prefilter_halves {
  uint8_t low[16];
  uint8_t high[16];
};

struct prefilter {
  uint8_t anchors[PREFILTER_ANCHORS_MAX][PREFILTER_ANCHOR_BYTES];
  size_t anchors_len; /* at least 1 */
  struct prefilter_halves halves[PREFILTER_ANCHOR_BYTES];
  prefilter_search *search;
};

enum prefilter_engine {
  PREFILTER_PORTABLE,
  PREFILTER_AVX2,
  PREFILTER_AVX512,
};

/* Takes the fastest engine that this processor has; anchors are set before. */
void prefilter_prepare(struct prefilter *prefilter);

/* Takes this engine. Returns 0, or -ENOTSUP where the processor lacks it or an
 * anchor does not suit it (bytes from 0x80 on suit only the portable one). */
int prefilter_use(struct prefilter *prefilter, enum prefilter_engine engine);

/* Looks at DATA in blocks of PREFILTER_BLOCK_BYTES, the first one at FROM, and
 * stops at the first block in which an anchor may begin.
 * *ret_mask: bit i is set if one may begin at the block's byte i; none is
 * missed, some are false. *newlines: grows by those of the blocks looked at,
 * the one that is returned included. Returns the block's position, or BYTES
 * (and leaves the mask) if there is none. */
static inline size_t prefilter_next(const struct prefilter *prefilter,
                                    const uint8_t *data, size_t from,
                                    size_t bytes, uint64_t *ret_mask,
                                    size_t *newlines) {
  return prefilter->search(prefilter, data, from, bytes, ret_mask, newlines);
}

/* How many newlines DATA holds. */
size_t prefilter_count_newlines(const uint8_t *data, size_t bytes);

/* The processor's own engine of this name; NULL where it has none. One file a
 * processor: prefilter_x86.c, prefilter_other.c. */
prefilter_search *prefilter_native(enum prefilter_engine engine);

#endif

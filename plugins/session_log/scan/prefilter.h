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
/* Searched at once: what is found there is still in the first-level cache when
 * it is looked at closely. */
#define PREFILTER_SPAN_BYTES ((size_t)16384)
#define PREFILTER_FOUND_MAX (PREFILTER_SPAN_BYTES / PREFILTER_BLOCK_BYTES)
/* So far ahead the first-level cache is filled. Measured: from 47 to 28 ms a GB
 * that stands in the second level, together with tables in registers. */
#define PREFILTER_AHEAD_BYTES ((size_t)1024)
/* Readable bytes that must follow the data; their content does not matter. */
#define PREFILTER_SLACK_BYTES (2 * PREFILTER_BLOCK_BYTES)

/* A block in which anchors may begin: bit i of the mask, at byte AT + i. */
struct prefilter_found {
  uint64_t mask;
  size_t at;
};

struct prefilter;

/* Searches whole blocks, as many as hold BYTES; else as prefilter_find(). */
typedef size_t prefilter_search(const struct prefilter *prefilter,
                                const uint8_t *data, size_t bytes,
                                struct prefilter_found *found,
                                size_t *newlines);

/* For one byte of the anchors: which of eight buckets of anchors have such a
 * one, by its low and by its high half, and by its low six bits. */
struct prefilter_table {
  uint8_t low[16];
  uint8_t high[16];
  uint8_t six[64];
};

struct prefilter {
  uint8_t anchors[PREFILTER_ANCHORS_MAX][PREFILTER_ANCHOR_BYTES];
  size_t anchors_len; /* at least 1 */
  struct prefilter_table tables[PREFILTER_ANCHOR_BYTES];
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
 * anchor does not suit it (AVX2: bytes from 0x80 on). */
int prefilter_use(struct prefilter *prefilter, enum prefilter_engine engine);

/* Finds where in DATA (at most PREFILTER_SPAN_BYTES) anchors may begin; none is
 * missed, some are false. *newlines grows by those in the data. Returns how
 * many blocks are FOUND (room for PREFILTER_FOUND_MAX), in order. */
size_t prefilter_find(const struct prefilter *prefilter, const uint8_t *data,
                      size_t bytes, struct prefilter_found *found,
                      size_t *newlines);

/* The processor's own engine of this name; NULL where it has none. One file a
 * processor: prefilter_x86.c, prefilter_other.c. */
prefilter_search *prefilter_native(enum prefilter_engine engine);

#endif

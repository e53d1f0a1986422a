/* SPDX-License-Identifier: MIT */
/* prefilter: finds the places where one of a few texts may stand. This engine
 * is written in vector extensions, so every compiler makes of it what its
 * processor has: two bytes of each anchor are compared at 64 places at once. */
#include "session_log/scan/prefilter.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define LANES ((size_t)16) /* what every vector unit has */
#define ROWS (PREFILTER_BLOCK_BYTES / LANES)
#define BUCKETS 8
#define LAST (PREFILTER_ANCHOR_BYTES - 1)

typedef uint8_t lanes __attribute__((vector_size(LANES)));
typedef uint64_t words __attribute__((vector_size(LANES)));

#define ROUNDS_MAX 255 /* what a counter of one byte can take */

static size_t sum_of(const lanes *counts) {
  uint8_t bytes[LANES];
  size_t sum = 0;
  memcpy(bytes, counts, sizeof(bytes));
  for (size_t i = 0; i < LANES; i++) {
    sum += bytes[i];
  }
  return sum;
}

/* bytes: a multiple of LANES. */
static size_t count_newlines(const uint8_t *data, size_t bytes) {
  const uint8_t *end = data + bytes;
  lanes newline;
  size_t newlines = 0;
  memset(&newline, '\n', sizeof(newline));
  while (data < end) {
    lanes counts = {0};
    for (int i = 0; i < ROUNDS_MAX && data < end; i++, data += LANES) {
      lanes here;
      memcpy(&here, data, LANES);
      counts -= (lanes)(here == newline); /* true is -1 */
    }
    newlines += sum_of(&counts);
  }
  return newlines;
}

/* One bit for each byte that is not zero (all ones). */
static uint64_t mask_of(const lanes found[ROWS]) {
  uint64_t mask = 0;
  for (size_t i = 0; i < PREFILTER_BLOCK_BYTES / 8; i++) {
    uint64_t bytes;
    memcpy(&bytes, (const char *)found + 8 * i, sizeof(bytes));
    /* The multiplication gathers the lowest bit of each byte in the highest. */
    bytes = (le64toh(bytes) & UINT64_C(0x0101010101010101)) *
            UINT64_C(0x0102040810204080);
    mask |= bytes >> 56 << (8 * i);
  }
  return mask;
}

/* The first and the last byte of an anchor, in every lane. */
struct pair {
  lanes first, last;
};

static inline lanes find_pair(const uint8_t *at, const struct pair *pair) {
  lanes here, there;
  memcpy(&here, at, sizeof(here));
  memcpy(&there, at + LAST, sizeof(there));
  return (lanes)(here == pair->first) & (lanes)(there == pair->last);
}

static uint64_t search_block(const struct pair *pairs, size_t len,
                             const uint8_t *at) {
  lanes found[ROWS] = {{0}};
  for (size_t i = 0; i < len; i++) {
    found[0] |= find_pair(at, &pairs[i]);
    found[1] |= find_pair(at + LANES, &pairs[i]);
    found[2] |= find_pair(at + 2 * LANES, &pairs[i]);
    found[3] |= find_pair(at + 3 * LANES, &pairs[i]);
  }
  words any = (words)(found[0] | found[1] | found[2] | found[3]);
  return (any[0] | any[1]) == 0 ? 0 : mask_of(found);
}

static size_t search_portable(const struct prefilter *prefilter,
                              const uint8_t *data, size_t bytes,
                              struct prefilter_found *found, size_t *newlines) {
  struct pair pairs[PREFILTER_ANCHORS_MAX];
  for (size_t i = 0; i < prefilter->anchors_len; i++) {
    memset(&pairs[i].first, prefilter->anchors[i][0], sizeof(lanes));
    memset(&pairs[i].last, prefilter->anchors[i][LAST], sizeof(lanes));
  }
  size_t len = 0;
  size_t at;
  for (at = 0; at < bytes; at += PREFILTER_BLOCK_BYTES) {
    __builtin_prefetch(data + at + PREFILTER_AHEAD_BYTES);
    uint64_t mask = search_block(pairs, prefilter->anchors_len, data + at);
    if (mask != 0) {
      found[len++] = (struct prefilter_found){mask, at};
    }
  }
  *newlines += count_newlines(data, at);
  return len;
}

/* With more anchors than buckets, some share one: more is found that is not
 * there. */
static void fill_tables(struct prefilter *prefilter) {
  memset(prefilter->tables, 0, sizeof(prefilter->tables));
  for (size_t i = 0; i < prefilter->anchors_len; i++) {
    uint8_t bucket = (uint8_t)(1U << (i % BUCKETS));
    for (size_t j = 0; j < PREFILTER_ANCHOR_BYTES; j++) {
      struct prefilter_table *table = &prefilter->tables[j];
      uint8_t byte = prefilter->anchors[i][j];
      table->low[byte & 0x0f] |= bucket;
      table->high[byte >> 4] |= bucket;
      table->six[byte & 0x3f] |= bucket;
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
  if (search == NULL || (engine == PREFILTER_AVX2 && !is_ascii(prefilter))) {
    return -ENOTSUP;
  }
  fill_tables(prefilter);
  prefilter->search = search;
  return 0;
}

void prefilter_prepare(struct prefilter *prefilter) {
  if (prefilter_use(prefilter, PREFILTER_AVX512) != 0 &&
      prefilter_use(prefilter, PREFILTER_AVX2) != 0) {
    (void)prefilter_use(prefilter, PREFILTER_PORTABLE);
  }
}

size_t prefilter_find(const struct prefilter *prefilter, const uint8_t *data,
                      size_t bytes, struct prefilter_found *found,
                      size_t *newlines) {
  size_t len = prefilter->search(prefilter, data, bytes, found, newlines);
  size_t over = -bytes % PREFILTER_BLOCK_BYTES; /* what is behind the end */
  for (size_t i = 0; i < over; i++) {
    *newlines -= data[bytes + i] == '\n';
  }
  if (len > 0 && found[len - 1].at + PREFILTER_BLOCK_BYTES > bytes) {
    found[len - 1].mask &= UINT64_MAX >> over;
  }
  return len;
}

/* SPDX-License-Identifier: MIT */
/* unwatched_set: the series that no rule watches, in 12 bytes each. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNWATCHED_HOSTS (1U << 10) /* places for the numbers of hosts */

/* A series that no rule watches: no more than the hash of its key, since most
 * series are such. Another series with the same one of 2^64 would be ignored,
 * too: among 250,000 series there are two such once in 600 million daemons.
 * Packed: a quarter of it would be padding. */
struct __attribute__((packed)) unwatched {
  uint64_t hash;      /* never 0, which is a free slot */
  uint32_t seen : 22; /* in units of 16 s: when the newest reading came */
  uint32_t host : 10;
};

/* All zero is an empty set. Not locked: the owner guards it. */
struct unwatched_set {
  struct unwatched *slots;
  size_t slots_len; /* a power of two, or 0 */
  size_t len;
};

void unwatched_set_fini(struct unwatched_set *set);

/* True if HASH is in the set, which notes that it was seen now. */
bool unwatched_set_touch(struct unwatched_set *set, uint64_t hash,
                         int64_t now_ms);

/* Adds a hash that is not there yet. host: below UNWATCHED_HOSTS. Returns 0 or
 * -ENOMEM. */
int unwatched_set_add(struct unwatched_set *set, uint64_t hash, uint32_t host,
                      int64_t now_ms);

/* Removes the series that were not seen for FORGET_MS, and counts them down in
 * HOST_LEN. Returns how many; where memory is short all stay. */
size_t unwatched_set_forget(struct unwatched_set *set, int64_t now_ms,
                            int64_t forget_ms, _Atomic uint32_t *host_len);

/* SPDX-License-Identifier: MIT */
/* hash: 64 bits that tell byte strings apart; not for secrets. */
#ifndef SESSION_LOG_HASH_H
#define SESSION_LOG_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Spreads every bit of VALUE over all 64 (the finalizer of MurmurHash3). */
uint64_t hash_mix(uint64_t value);

/* The same on every machine: fingerprints are kept in files. */
uint64_t hash_bytes(const void *data, size_t bytes, uint64_t seed);

#endif

/* SPDX-License-Identifier: MIT */
/* hash: 64 bits that tell byte strings apart; not for secrets. */
#include "session_log/hash.h"

#include <endian.h>
#include <string.h>

uint64_t hash_mix(uint64_t value) {
  value ^= value >> 33;
  value *= UINT64_C(0xff51afd7ed558ccd);
  value ^= value >> 33;
  value *= UINT64_C(0xc4ceb9fe1a85ec53);
  value ^= value >> 33;
  return value;
}

uint64_t hash_bytes(const void *data, size_t bytes, uint64_t seed) {
  const unsigned char *at = data;
  uint64_t hash = hash_mix(seed + UINT64_C(0x9e3779b97f4a7c15) * (bytes + 1));
  while (bytes > 0) {
    uint64_t word = 0;
    size_t taken = bytes < sizeof(word) ? bytes : sizeof(word);
    memcpy(&word, at, taken);
    hash = hash_mix(hash ^ le64toh(word)) + UINT64_C(0x9e3779b97f4a7c15);
    at += taken;
    bytes -= taken;
  }
  return hash;
}

/* SPDX-License-Identifier: MIT */
/* fingerprint: 128 bits that stand for the five names of a series.
 *
 * Each step multiplies two keyed words into 128 bits, as wyhash does, but keeps
 * both halves. The names are read a word at a time: they are aligned and
 * padded to whole words. What stands behind a NUL is masked off, and every
 * name ends in a word that holds its NUL, so that "ab","c" and "a","bc" do not
 * meet. */
#include "resource_alert/fingerprint.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

__extension__ typedef unsigned __int128 uint128;

int fingerprint_key_draw(struct fingerprint_key *key) {
  ssize_t bytes = getrandom(key, sizeof(*key), 0);
  return bytes == (ssize_t)sizeof(*key) ? 0 : bytes < 0 ? -errno : -EIO;
}

static uint64_t load_word(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

/* 0x80 in the lowest byte that is NUL; bytes above it may be marked, too. */
static uint64_t mark_nul(uint64_t word) {
  return (word - UINT64_C(0x0101010101010101)) & ~word &
         UINT64_C(0x8080808080808080);
}

static struct fingerprint stir(struct fingerprint state, uint64_t word,
                               const struct fingerprint_key *key) {
  uint128 product = (uint128)(word ^ state.low ^ key->words[0]) *
                    (state.high ^ key->words[1]);
  state.low = (uint64_t)product ^ word;
  state.high = (uint64_t)(product >> 64) + state.low;
  return state;
}

static struct fingerprint stir_name(struct fingerprint state, const char *name,
                                    const struct fingerprint_key *key) {
  for (const char *at = name; at < name + READING_NAME_BYTES; at += 8) {
    uint64_t word = load_word(at);
    uint64_t nul = mark_nul(word);
    if (nul != 0) {
      uint64_t lowest = nul & (~nul + 1);
      return stir(state, word & (lowest - 1), key);
    }
    state = stir(state, word, key);
  }
  return state;
}

struct fingerprint fingerprint_of_names(const struct reading_names *names,
                                        const struct fingerprint_key *key) {
  struct fingerprint state = {.low = key->words[2], .high = key->words[3]};
  state = stir_name(state, names->host, key);
  state = stir_name(state, names->plugin, key);
  state = stir_name(state, names->plugin_instance, key);
  state = stir_name(state, names->type, key);
  state = stir_name(state, names->type_instance, key);
  return stir(stir(state, 1, key), 2, key);
}

uint64_t fingerprint_of_bytes(const char *bytes, size_t length) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
  for (size_t i = 0; i < length; i++) {
    hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
  }
  return hash == 0 ? 1 : hash;
}

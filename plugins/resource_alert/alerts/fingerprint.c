/* SPDX-License-Identifier: MIT */
/* fingerprint: 128 bits that stand for the five names of a series.
 *
 * The sum of products of pairs of keyed words (NH, as in UMAC): every product
 * is independent of the others, so that the processor works on several at once.
 * The names are read a word at a time: they are aligned and padded to whole
 * words. What stands behind a NUL is masked off. */
#include "resource_alert/alerts/fingerprint.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "resource_alert/alerts/wide.h"

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

/* WORD without what stands behind its NUL, marked by NUL (0: there is none). */
static uint64_t until_nul(uint64_t word, uint64_t nul) {
  uint64_t lowest = nul & (~nul + 1);
  return nul == 0 ? word : word & (lowest - 1);
}

static struct wide sum_of_name(const char *name, const uint64_t *key) {
  struct wide sum = {0, 0};
  for (size_t i = 0; i < READING_NAME_BYTES / 8; i += 2) {
    uint64_t first = load_word(name + 8 * i);
    uint64_t nul = mark_nul(first);
    if (nul != 0) { /* as most names are: short */
      return wide_sum(sum,
                      wide_product(until_nul(first, nul) + key[i], key[i + 1]));
    }
    uint64_t second = load_word(name + 8 * i + 8);
    nul = mark_nul(second);
    sum = wide_sum(
        sum, wide_product(first + key[i], until_nul(second, nul) + key[i + 1]));
    if (nul != 0) {
      break;
    }
  }
  return sum;
}

struct fingerprint fingerprint_of_names(const struct reading_names *names,
                                        const struct fingerprint_key *key) {
  struct wide sum = sum_of_name(names->host, key->names[0]);
  sum = wide_sum(sum, sum_of_name(names->plugin, key->names[1]));
  sum = wide_sum(sum, sum_of_name(names->plugin_instance, key->names[2]));
  sum = wide_sum(sum, sum_of_name(names->type, key->names[3]));
  sum = wide_sum(sum, sum_of_name(names->type_instance, key->names[4]));
  struct wide mixed =
      wide_product(sum.low ^ key->last[0], sum.high ^ key->last[1]);
  return (struct fingerprint){
      .low = mixed.low ^ mixed.high,
      .high = sum.high ^ sum.low,
  };
}

uint64_t fingerprint_of_bytes(const char *bytes, size_t length) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
  for (size_t i = 0; i < length; i++) {
    hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
  }
  return hash == 0 ? 1 : hash;
}

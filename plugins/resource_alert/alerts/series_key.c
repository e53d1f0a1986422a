/* SPDX-License-Identifier: MIT */
/* series_key: the names of a series in one key, and the hash of it. */
#include "resource_alert/alerts/series.h"

#include <endian.h>
#include <string.h>

#include "core/hash_map.h"

/* Words whose bytes are all 0x01, and all 0x80. */
#define LOW_BITS UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)
/* Odd, half of its bits set, and otherwise of no meaning. */
#define MIX_STEP UINT64_C(0x9e3779b97f4a7c15)

/* The hash of a key, on the way. The sum of one product a word, which are
 * independent of each other, so that the processor computes them side by side;
 * the factor differs from word to word, so that their order counts. */
struct key_hash {
  uint64_t sum, factor;
};

/* Appends NAME, a place of READING_NAME_BYTES, a word at a time: what is behind
 * its NUL is copied, too, but neither hashed nor kept. Returns where the next
 * one goes. */
static char *pack_name(char *to, const char *name, struct key_hash *hash) {
  for (;; name += sizeof(uint64_t), to += sizeof(uint64_t)) {
    uint64_t word;
    memcpy(&word, name, sizeof(word));
    memcpy(to, &word, sizeof(word));
    word = le64toh(word);
    /* The lowest bit that is set is the upper one of the first NUL. */
    uint64_t nuls = (word - LOW_BITS) & ~word & HIGH_BITS;
    if (nuls != 0) {
      word &= nuls ^ (nuls - 1);
    }
    hash->factor += MIX_STEP;
    hash->sum += hash_map_mix(word ^ hash->factor, hash->factor);
    if (nuls != 0) {
      return to + (__builtin_ctzll(nuls) + 1) / 8;
    }
  }
}

size_t series_key_make(const struct reading_names *names, const char *rule_name,
                       uint64_t seed, char *key, uint64_t *ret_hash) {
  struct key_hash hash = {.factor = seed};
  char *end = pack_name(key, names->host, &hash);
  end = pack_name(end, names->plugin, &hash);
  end = pack_name(end, names->plugin_instance, &hash);
  end = pack_name(end, names->type, &hash);
  end = pack_name(end, names->type_instance, &hash);
  if (rule_name != NULL) {
    char place[READING_NAME_BYTES] = "";
    (void)strncat(place, rule_name, sizeof(place) - 1);
    end = pack_name(end, place, &hash);
  }
  if (ret_hash != NULL) {
    uint64_t mixed = hash_map_mix(hash.sum ^ MIX_STEP, hash.factor);
    *ret_hash = mixed == 0 ? 1 : mixed;
  }
  return (size_t)(end - key);
}

const char *series_key_host(const char *key) { return key; }

/* Copies one of the names that are packed in a key. Returns the next one. */
static const char *unpack_name(const char *from, char *to) {
  size_t bytes = strlen(from) + 1;
  memcpy(to, from, bytes);
  return from + bytes;
}

void series_key_unpack_names(const char *key, struct reading_names *ret_names) {
  const char *next = key;
  *ret_names = (struct reading_names){.host = ""};
  next = unpack_name(next, ret_names->host);
  next = unpack_name(next, ret_names->plugin);
  next = unpack_name(next, ret_names->plugin_instance);
  next = unpack_name(next, ret_names->type);
  (void)unpack_name(next, ret_names->type_instance);
}

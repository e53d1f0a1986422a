/* SPDX-License-Identifier: MIT */
/* hash_map: finds a struct of the caller by a key of any bytes. */
#include "core/hash_map.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define SLOTS_FIRST 16
#define CACHE_LINE 64 /* bytes; where it is another size nothing breaks */

/* ---- hash ---- */

/* Odd, half of their bits set, and otherwise of no meaning. */
#define MIX_FIRST UINT64_C(0x9e3779b97f4a7c15)
#define MIX_SECOND UINT64_C(0xbf58476d1ce4e5b9)
#define MIX_LAST UINT64_C(0x94d049bb133111eb)

static uint64_t process_seed;
static pthread_once_t process_seed_once = PTHREAD_ONCE_INIT;

static void choose_process_seed(void) {
  if (getrandom(&process_seed, sizeof(process_seed), GRND_NONBLOCK) !=
      (ssize_t)sizeof(process_seed)) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    process_seed = (uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec;
  }
}

/* A little-endian number. */
static uint64_t decode_word(const unsigned char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof(word));
  return le64toh(word);
}

static uint64_t decode_half_word(const unsigned char *at) {
  uint32_t word;
  memcpy(&word, at, sizeof(word));
  return le32toh(word);
}

/* The last words of a key of BYTES, all of it where it has at most 16. They
 * may overlap with each other and with what was read before, which costs less
 * than a copy of a length that the compiler does not know. */
static void decode_last_words(const unsigned char *key, size_t bytes,
                              uint64_t *ret_first, uint64_t *ret_second) {
  const unsigned char *end = key + bytes;
  if (bytes >= 16) {
    *ret_first = decode_word(end - 16);
    *ret_second = decode_word(end - 8);
  } else if (bytes >= 8) {
    *ret_first = decode_word(key);
    *ret_second = decode_word(end - 8);
  } else if (bytes >= 4) {
    *ret_first = decode_half_word(key);
    *ret_second = decode_half_word(end - 4);
  } else {
    *ret_first = bytes == 0 ? 0
                            : (uint64_t)key[0] << 16 |
                                  (uint64_t)key[bytes / 2] << 8 | end[-1];
    *ret_second = 0;
  }
}

/* Two words a step. Both factors depend on the seed: with a known factor keys
 * that collide could be chosen whatever the seed is. */
uint64_t hash_map_hash_seeded(const void *key, size_t key_bytes,
                              uint64_t seed) {
  const unsigned char *at = key;
  uint64_t other = hash_map_mix(seed ^ MIX_FIRST, MIX_SECOND);
  uint64_t hash = seed ^ MIX_LAST;
  for (size_t left = key_bytes; left > 16; left -= 16, at += 16) {
    hash = hash_map_mix(decode_word(at) ^ hash, decode_word(at + 8) ^ other);
  }
  uint64_t first;
  uint64_t second;
  decode_last_words(key, key_bytes, &first, &second);
  hash = hash_map_mix(first ^ hash, second ^ other);
  return hash_map_mix(hash ^ MIX_FIRST, (uint64_t)key_bytes ^ other);
}

uint64_t hash_map_seed(void) {
  (void)pthread_once(&process_seed_once, choose_process_seed);
  return process_seed;
}

uint64_t hash_map_hash(const void *key, size_t key_bytes) {
  return hash_map_hash_seeded(key, key_bytes, hash_map_seed());
}

/* ---- map ---- */

/* Slots lie side by side and have the hash in them: most look-ups read one
 * cache line here, then the node they look for, and never another one. */
struct hash_slot {
  uint64_t hash;
  struct hash_node *node; /* NULL: free */
};

/* In a slot whose node was removed: a look-up goes on behind it. */
static struct hash_node removed_node;

static const void *get_node_key(const struct hash_node *node) {
  return (const char *)node + node->key_offset;
}

static size_t get_next_slot(const struct hash_map *map, size_t slot) {
  return (slot + 1) & (map->slots_len - 1);
}

/* The slot of the key, or the free one where the look-up ends. What is behind a
 * node is fetched at once, not when the key proves to be the same: a caller
 * reads it next. */
static size_t find_slot(const struct hash_map *map, uint64_t hash,
                        const void *key, size_t key_bytes) {
  size_t slot = hash & (map->slots_len - 1);
  for (const struct hash_slot *at = &map->slots[slot]; at->node != NULL;
       at = &map->slots[slot]) {
    if (at->hash == hash && at->node != &removed_node) {
      __builtin_prefetch((const char *)at->node + CACHE_LINE);
      __builtin_prefetch((const char *)at->node + 2 * CACHE_LINE);
      if (at->node->key_bytes == key_bytes &&
          memcmp(get_node_key(at->node), key, key_bytes) == 0) {
        break;
      }
    }
    slot = get_next_slot(map, slot);
  }
  return slot;
}

/* The slot of a node that is in the map. */
static size_t find_node_slot(const struct hash_map *map,
                             const struct hash_node *node) {
  size_t slot = node->hash & (map->slots_len - 1);
  while (map->slots[slot].node != node) {
    slot = get_next_slot(map, slot);
  }
  return slot;
}

struct hash_node *hash_map_find_hashed(const struct hash_map *map,
                                       uint64_t hash, const void *key,
                                       size_t key_bytes) {
  return map->slots_len == 0
             ? NULL
             : map->slots[find_slot(map, hash, key, key_bytes)].node;
}

struct hash_node *hash_map_find(const struct hash_map *map, const void *key,
                                size_t key_bytes) {
  return hash_map_find_hashed(map, hash_map_hash(key, key_bytes), key,
                              key_bytes);
}

/* There must be a free slot. */
static void fill_slot(struct hash_map *map, uint64_t hash,
                      struct hash_node *node) {
  size_t slot = hash & (map->slots_len - 1);
  while (map->slots[slot].node != NULL) {
    slot = get_next_slot(map, slot);
  }
  map->slots[slot] = (struct hash_slot){.hash = hash, .node = node};
  map->used_len++;
}

/* Moves all nodes into new slots, twice as many if half of them are needed.
 * Returns 0 or -ENOMEM; then the map stays as it is. */
static int renew_slots(struct hash_map *map) {
  struct hash_map renewed = {.len = map->len, .slots_len = map->slots_len};
  if (map->slots_len == 0) {
    renewed.slots_len = SLOTS_FIRST;
  } else if (2 * map->len >= map->slots_len) {
    renewed.slots_len *= 2;
  }
  renewed.slots = calloc(renewed.slots_len, sizeof(struct hash_slot));
  if (renewed.slots == NULL) {
    return -ENOMEM;
  }
  for (size_t i = 0; i < map->slots_len; i++) {
    const struct hash_slot *slot = &map->slots[i];
    if (slot->node != NULL && slot->node != &removed_node) {
      fill_slot(&renewed, slot->hash, slot->node);
    }
  }
  free(map->slots);
  *map = renewed;
  return 0;
}

int hash_map_insert_hashed(struct hash_map *map, struct hash_node *node,
                           uint64_t hash, const void *key, size_t key_bytes) {
  /* With three of four used a look-up reads at most 2.5 slots on average. One
   * must stay free, to end it. */
  bool is_full = 4 * (map->used_len + 1) > 3 * map->slots_len;
  if (is_full && renew_slots(map) != 0 && map->used_len + 1 >= map->slots_len) {
    return -ENOMEM;
  }
  *node = (struct hash_node){
      .hash = (uint32_t)hash,
      .key_bytes = (uint16_t)key_bytes,
      .key_offset = (uint16_t)((const char *)key - (const char *)node),
  };
  fill_slot(map, hash, node);
  map->len++;
  return 0;
}

int hash_map_insert(struct hash_map *map, struct hash_node *node,
                    const void *key, size_t key_bytes) {
  return hash_map_insert_hashed(map, node, hash_map_hash(key, key_bytes), key,
                                key_bytes);
}

void hash_map_remove(struct hash_map *map, struct hash_node *node) {
  size_t slot = find_node_slot(map, node);
  bool ends_look_ups = map->slots[get_next_slot(map, slot)].node == NULL;
  map->slots[slot].node = ends_look_ups ? NULL : &removed_node;
  map->used_len -= ends_look_ups ? 1 : 0;
  map->len--;
}

struct hash_node *hash_map_next(const struct hash_map *map,
                                const struct hash_node *node) {
  size_t slot = node == NULL ? 0 : find_node_slot(map, node) + 1;
  while (slot < map->slots_len && (map->slots[slot].node == NULL ||
                                   map->slots[slot].node == &removed_node)) {
    slot++;
  }
  return slot < map->slots_len ? map->slots[slot].node : NULL;
}

void hash_map_fini(struct hash_map *map) {
  free(map->slots);
  *map = (struct hash_map){0};
}

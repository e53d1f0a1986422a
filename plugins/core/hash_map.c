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

/* The upper half of the product of both, xored with the lower one: each bit of
 * the result depends on each bit of A and B. By halves, since a machine of 32
 * bits has no product of 128. */
static uint64_t fold_product(uint64_t a, uint64_t b) {
#ifdef __SIZEOF_INT128__
  __extension__ typedef unsigned __int128 product_type;
  product_type product = (product_type)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
  uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
  uint64_t left = (a >> 32) * (b & UINT32_MAX);
  uint64_t right = (a & UINT32_MAX) * (b >> 32);
  uint64_t middle = (low >> 32) + (left & UINT32_MAX) + (right & UINT32_MAX);
  return (middle << 32 | (low & UINT32_MAX)) ^
         ((a >> 32) * (b >> 32) + (left >> 32) + (right >> 32) +
          (middle >> 32));
#endif
}

/* A little-endian number. */
static uint64_t load_word(const unsigned char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof(word));
  return le64toh(word);
}

static uint64_t load_half_word(const unsigned char *at) {
  uint32_t word;
  memcpy(&word, at, sizeof(word));
  return le32toh(word);
}

/* The last words of a key of BYTES, all of it where it has at most 16. They
 * may overlap with each other and with what was read before, which costs less
 * than a copy of a length that the compiler does not know. */
static void load_last_words(const unsigned char *key, size_t bytes,
                            uint64_t *ret_first, uint64_t *ret_second) {
  const unsigned char *end = key + bytes;
  if (bytes >= 16) {
    *ret_first = load_word(end - 16);
    *ret_second = load_word(end - 8);
  } else if (bytes >= 8) {
    *ret_first = load_word(key);
    *ret_second = load_word(end - 8);
  } else if (bytes >= 4) {
    *ret_first = load_half_word(key);
    *ret_second = load_half_word(end - 4);
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
  uint64_t other = fold_product(seed ^ MIX_FIRST, MIX_SECOND);
  uint64_t hash = seed ^ MIX_LAST;
  for (size_t left = key_bytes; left > 16; left -= 16, at += 16) {
    hash = fold_product(load_word(at) ^ hash, load_word(at + 8) ^ other);
  }
  uint64_t first;
  uint64_t second;
  load_last_words(key, key_bytes, &first, &second);
  hash = fold_product(first ^ hash, second ^ other);
  return fold_product(hash ^ MIX_FIRST, (uint64_t)key_bytes ^ other);
}

uint64_t hash_map_hash(const void *key, size_t key_bytes) {
  (void)pthread_once(&process_seed_once, choose_process_seed);
  return hash_map_hash_seeded(key, key_bytes, process_seed);
}

/* ---- map ---- */

/* Slots lie side by side and have the hash in them: most look-ups read one
 * cache line here, then the node they look for, and never another one. */
struct hash_slot {
  uint64_t hash;
  struct hash_node *node; /* NULL: free */
};

/* In a slot whose node was removed: a look-up goes on behind it. No key is that
 * long. */
static struct hash_node removed_node = {.key_bytes = SIZE_MAX};

static size_t slot_after(const struct hash_map *map, size_t slot) {
  return (slot + 1) & (map->slots_len - 1);
}

/* The slot of the key, or the free one where the look-up ends. */
static size_t find_slot(const struct hash_map *map, uint64_t hash,
                        const void *key, size_t key_bytes) {
  size_t slot = hash & (map->slots_len - 1);
  for (const struct hash_slot *at = &map->slots[slot]; at->node != NULL;
       at = &map->slots[slot]) {
    if (at->hash == hash && at->node->key_bytes == key_bytes &&
        memcmp(at->node->key, key, key_bytes) == 0) {
      break;
    }
    slot = slot_after(map, slot);
  }
  return slot;
}

/* The slot of a node that is in the map. */
static size_t slot_of_node(const struct hash_map *map,
                           const struct hash_node *node) {
  size_t slot = node->hash & (map->slots_len - 1);
  while (map->slots[slot].node != node) {
    slot = slot_after(map, slot);
  }
  return slot;
}

struct hash_node *hash_map_find_hashed(const struct hash_map *map,
                                       uint64_t hash, const void *key,
                                       size_t key_bytes) {
  return map->len == 0 ? NULL
                       : map->slots[find_slot(map, hash, key, key_bytes)].node;
}

struct hash_node *hash_map_find(const struct hash_map *map, const void *key,
                                size_t key_bytes) {
  return hash_map_find_hashed(map, hash_map_hash(key, key_bytes), key,
                              key_bytes);
}

/* There must be a free slot. */
static void fill_slot(struct hash_map *map, struct hash_node *node) {
  size_t slot = node->hash & (map->slots_len - 1);
  while (map->slots[slot].node != NULL) {
    slot = slot_after(map, slot);
  }
  map->slots[slot] = (struct hash_slot){.hash = node->hash, .node = node};
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
  for (struct hash_node *node = hash_map_next(map, NULL); node != NULL;
       node = hash_map_next(map, node)) {
    fill_slot(&renewed, node);
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
  *node = (struct hash_node){.hash = hash, .key = key, .key_bytes = key_bytes};
  fill_slot(map, node);
  map->len++;
  return 0;
}

int hash_map_insert(struct hash_map *map, struct hash_node *node,
                    const void *key, size_t key_bytes) {
  return hash_map_insert_hashed(map, node, hash_map_hash(key, key_bytes), key,
                                key_bytes);
}

void hash_map_remove(struct hash_map *map, struct hash_node *node) {
  size_t slot = slot_of_node(map, node);
  bool ends_look_ups = map->slots[slot_after(map, slot)].node == NULL;
  map->slots[slot].node = ends_look_ups ? NULL : &removed_node;
  map->used_len -= ends_look_ups ? 1 : 0;
  map->len--;
}

struct hash_node *hash_map_next(const struct hash_map *map,
                                const struct hash_node *node) {
  size_t slot = node == NULL ? 0 : slot_of_node(map, node) + 1;
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

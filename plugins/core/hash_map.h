/* SPDX-License-Identifier: MIT */
/* hash_map: finds a struct of the caller by a key of any bytes.
 *
 * The struct embeds a node, so that to insert allocates nothing but the
 * slots, and the key stays where the caller has it:
 *
 *   struct session_group {
 *     struct hash_node node;
 *     char name[64];
 *   };
 *   struct hash_node *node = hash_map_find(&map, name, strlen(name));
 *   struct session_group *group =
 *       HASH_MAP_OWNER(node, struct session_group, node);
 *
 * Nothing here is locked: one thread at a time, or a lock of the caller's. A
 * caller with several maps, each under a lock of its own, takes the hash first,
 * chooses the map by its upper bits, and uses the functions with a hash. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* In the caller's struct. All members are the map's. Small, since there is one
 * in each of many thousand structs. */
struct hash_node {
  uint32_t hash; /* its lower half */
  uint16_t key_bytes;
  uint16_t key_offset; /* from the node */
};

/* All zero is an empty map. len: nodes in it, for the caller to read. */
struct hash_map {
  struct hash_slot *slots;
  size_t slots_len; /* a power of two, or 0 */
  size_t used_len;  /* slots with a node or with a removed one */
  size_t len;
};

/* The struct that NODE is the member of; NULL where NODE is NULL. */
#define HASH_MAP_OWNER(node, type, member)                                     \
  ((type *)hash_map_owner((node), offsetof(type, member)))

static inline void *hash_map_owner(struct hash_node *node, size_t offset) {
  return node == NULL ? NULL : (char *)node - offset;
}

/* A hash of the key with the seed of this process, so that names from outside
 * cannot be chosen to collide. Use the upper bits to choose among several maps:
 * the lower ones choose the slot. */
uint64_t hash_map_hash(const void *key, size_t key_bytes);

/* The same with a seed of the caller's: one result on every machine, for what
 * is kept in a file. */
uint64_t hash_map_hash_seeded(const void *key, size_t key_bytes, uint64_t seed);

/* The seed of this process, and one step of such a hash: each bit of the result
 * depends on each bit of both. For a caller who hashes the words of a key while
 * it puts the key together; with a factor that does not depend on the seed,
 * keys that collide could be chosen. */
uint64_t hash_map_seed(void);

/* The upper half of the product of both, xored with the lower one. By halves on
 * a machine of 32 bits, which has no product of 128. */
static inline uint64_t hash_map_mix(uint64_t a, uint64_t b) {
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

/* The node with that key, or NULL. */
struct hash_node *hash_map_find(const struct hash_map *map, const void *key,
                                size_t key_bytes);
struct hash_node *hash_map_find_hashed(const struct hash_map *map,
                                       uint64_t hash, const void *key,
                                       size_t key_bytes);

/* Inserts NODE; the key must not be in the map yet. key: a part of the struct,
 * within 64 KiB behind the node, of less than 64 KiB. Makes more slots when
 * three of four are used. Where memory is short the map takes what it has slots
 * for. Returns 0, or -ENOMEM when there is none; then nothing is changed. */
int hash_map_insert(struct hash_map *map, struct hash_node *node,
                    const void *key, size_t key_bytes);
int hash_map_insert_hashed(struct hash_map *map, struct hash_node *node,
                           uint64_t hash, const void *key, size_t key_bytes);

/* Takes out a node that is in the map. */
void hash_map_remove(struct hash_map *map, struct hash_node *node);

/* The node after NODE in no particular order; after NULL the first one; NULL:
 * that was the last. To remove on the way, get the next one before:
 *
 *   for (struct hash_node *next, *node = hash_map_next(map, NULL);
 *        node != NULL; node = next) {
 *     next = hash_map_next(map, node);
 *     hash_map_remove(map, node);
 *   }
 *
 * Nothing may be inserted meanwhile. */
struct hash_node *hash_map_next(const struct hash_map *map,
                                const struct hash_node *node);

/* Frees the slots; the map is empty and can be used again. The nodes are the
 * caller's: free their structs before, on the way of hash_map_next(). */
void hash_map_fini(struct hash_map *map);

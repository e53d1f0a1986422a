/* SPDX-License-Identifier: MIT */
/* hash_map: finds what was inserted and nothing else, also after it has grown,
 * after removals and where memory is short. */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/hash_map.h"
#include "support/failing.h"

struct item {
  int number;
  struct hash_node node; /* not the first member, on purpose */
  char name[96];
};

static struct item *find(const struct hash_map *map, const char *name) {
  return HASH_MAP_OWNER(hash_map_find(map, name, strlen(name)), struct item,
                        node);
}

static struct item *insert(struct hash_map *map, int number) {
  struct item *item = calloc(1, sizeof(*item));
  assert_non_null(item);
  item->number = number;
  (void)snprintf(item->name, sizeof(item->name), "series-%d", number);
  assert_null(find(map, item->name));
  assert_int_equal(
      hash_map_insert(map, &item->node, item->name, strlen(item->name)), 0);
  return item;
}

static void free_all(struct hash_map *map) {
  for (struct hash_node *next, *node = hash_map_next(map, NULL); node != NULL;
       node = next) {
    next = hash_map_next(map, node);
    hash_map_remove(map, node);
    free(HASH_MAP_OWNER(node, struct item, node));
  }
  assert_int_equal(map->len, 0);
  hash_map_fini(map);
}

static void an_empty_map_has_nothing(void **state) {
  struct hash_map map = {0};
  assert_null(hash_map_find(&map, "", 0));
  assert_null(hash_map_next(&map, NULL));
  assert_null(HASH_MAP_OWNER(NULL, struct item, node));
  hash_map_fini(&map);
}

static void each_of_many_is_found(void **state) {
  struct hash_map map = {0};
  for (int i = 0; i < 5000; i++) {
    (void)insert(&map, i);
  }
  assert_int_equal(map.len, 5000);
  for (int i = 0; i < 5000; i++) {
    char name[32];
    (void)snprintf(name, sizeof(name), "series-%d", i);
    const struct item *item = find(&map, name);
    assert_int_equal(item == NULL ? -1 : item->number, i);
  }
  assert_null(find(&map, "series-5000"));
  free_all(&map);
}

static void a_removed_one_is_gone_and_the_others_stay(void **state) {
  struct hash_map map = {0};
  struct item *items[200];
  for (int i = 0; i < 200; i++) {
    items[i] = insert(&map, i);
  }
  for (int i = 0; i < 200; i += 2) {
    hash_map_remove(&map, &items[i]->node);
  }
  for (int i = 0; i < 200; i++) {
    assert_ptr_equal(find(&map, items[i]->name), i % 2 == 0 ? NULL : items[i]);
  }
  assert_int_equal(map.len, 100);
  for (int i = 0; i < 200; i += 2) {
    free(items[i]);
  }
  free_all(&map);
}

static void each_is_visited_once(void **state) {
  struct hash_map map = {0};
  bool is_visited[100] = {false};
  for (int i = 0; i < 100; i++) {
    (void)insert(&map, i);
  }
  for (struct hash_node *node = hash_map_next(&map, NULL); node != NULL;
       node = hash_map_next(&map, node)) {
    int number = HASH_MAP_OWNER(node, struct item, node)->number;
    assert_false(is_visited[number]);
    is_visited[number] = true;
  }
  for (int i = 0; i < 100; i++) {
    assert_true(is_visited[i]);
  }
  free_all(&map);
}

/* Nothing of a key is passed over: not its length, not a NUL, not one bit. */
static void keys_differ_by_any_byte(void **state) {
  char key[641] = {0};
  for (size_t bytes = 0; bytes <= 640; bytes++) {
    uint64_t hash = hash_map_hash(key, bytes);
    assert_int_not_equal(hash, hash_map_hash(key, bytes + 1));
    for (size_t at = 0; at < bytes; at += at < 40 ? 1 : 37) {
      key[at] ^= (char)0x80;
      assert_int_not_equal(hash, hash_map_hash(key, bytes));
      key[at] ^= (char)0x80;
    }
  }
}

/* A flipped bit of the key flips about half of the hash, wherever it is. */
static void every_bit_counts_everywhere(void **state) {
  char key[64] = "web1/dbpool-trading/current_connections-idle";
  uint64_t hash = hash_map_hash_seeded(key, sizeof(key), 7);
  for (size_t bit = 0; bit < sizeof(key) * 8; bit++) {
    key[bit / 8] ^= (char)(1 << bit % 8);
    uint64_t other = hash_map_hash_seeded(key, sizeof(key), 7);
    key[bit / 8] ^= (char)(1 << bit % 8);
    assert_in_range(__builtin_popcountll(hash ^ other), 10, 54);
  }
}

/* Hashes with a seed are kept in files: they never change, with or without
 * products of 128 bits. */
static void a_seeded_hash_never_changes(void **state) {
  static const struct {
    const char *key;
    uint64_t hash;
  } rows[] = {
      {"", UINT64_C(0x0336f87cbee4b599)},
      {"a", UINT64_C(0xb5cb9526dc896860)},
      {"abcd", UINT64_C(0x30feecb0a9da6e98)},
      {"a line of a log", UINT64_C(0xba5e3ffb9083b815)},
      {"a line of a log with more words in it than sixteen",
       UINT64_C(0xc31cbb1a2f998205)},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const char *key = rows[i].key;
    assert_true(hash_map_hash_seeded(key, strlen(key), 1) == rows[i].hash);
    assert_true(hash_map_hash_seeded(key, strlen(key), 2) != rows[i].hash);
  }
}

/* Names as they are in use spread as evenly as by chance. */
static void names_in_rows_spread_evenly(void **state) {
  static unsigned counts[4096];
  for (unsigned i = 0; i < 4096; i++) {
    char name[64];
    int bytes =
        snprintf(name, sizeof(name), "host%u/cpu-%u/cpu-idle", i / 64, i % 64);
    counts[hash_map_hash(name, (size_t)bytes) % 4096]++;
  }
  unsigned longest = 0;
  for (unsigned i = 0; i < 4096; i++) {
    longest = counts[i] > longest ? counts[i] : longest;
  }
  assert_in_range(longest, 2, 12); /* 6 or 7 by chance */
}

/* Removed nodes leave nothing behind that piles up. */
static void a_map_that_lives_long_stays_small(void **state) {
  struct hash_map map = {0};
  struct item *alive[10] = {0};
  for (int i = 0; i < 20000; i++) {
    struct item *oldest = alive[i % 10];
    if (oldest != NULL) {
      hash_map_remove(&map, &oldest->node);
      free(oldest);
    }
    alive[i % 10] = insert(&map, i);
  }
  assert_int_equal(map.len, 10);
  assert_in_range(map.slots_len, 16, 32);
  for (int i = 0; i < 10; i++) {
    assert_ptr_equal(find(&map, alive[i]->name), alive[i]);
    free(alive[i]);
  }
  hash_map_fini(&map);
}

static void without_memory_a_map_takes_what_it_has_slots_for(void **state) {
  struct hash_map map = {0};
  static struct item items[100] = {{.name = "x"}, [99] = {.name = "99"}};
  failing_after(0);
  int code = hash_map_insert(&map, &items[0].node, items[0].name, 1);
  assert_true(failing_stop());
  assert_int_equal(code, -ENOMEM);
  assert_int_equal(map.len, 0);
  assert_int_equal(hash_map_insert(&map, &items[0].node, items[0].name, 1), 0);
  size_t taken = 1;
  failing_after(0);
  for (int i = 1; i < 100; i++) {
    int bytes = snprintf(items[i].name, sizeof(items[i].name), "%d", i);
    code = hash_map_insert(&map, &items[i].node, items[i].name, (size_t)bytes);
    assert_true(code == 0 || code == -ENOMEM);
    taken += code == 0 ? 1 : 0;
    assert_ptr_equal(find(&map, items[i].name), code == 0 ? &items[i] : NULL);
  }
  assert_true(failing_stop());
  assert_int_equal(map.len, taken);
  assert_in_range(taken, 12, 99);
  assert_ptr_equal(find(&map, "7"), &items[7]);
  assert_int_equal(hash_map_insert(&map, &items[99].node, items[99].name, 2),
                   0);
  hash_map_fini(&map);
}

/* Nanoseconds a look-up in a map of LEN items. */
static double look_up_ns(int len) {
  enum { LOOK_UPS = 240000, LEN_MAX = 12000 };
  static char names[LEN_MAX][96];
  static size_t lengths[LEN_MAX];
  struct hash_map map = {0};
  for (int i = 0; i < len; i++) {
    struct item *item = calloc(1, sizeof(*item));
    assert_non_null(item);
    lengths[i] = (size_t)snprintf(
        names[i], sizeof(names[i]),
        "host-%d.example.org/interface-eth%d/if_octets-in", i / 40, i % 40);
    memcpy(item->name, names[i], lengths[i]);
    assert_int_equal(hash_map_insert(&map, &item->node, item->name, lengths[i]),
                     0);
  }
  size_t found = 0;
  int64_t begun_ns = clock_monotonic_ns();
  for (unsigned i = 0; i < LOOK_UPS; i++) {
    unsigned at = i * 7919U % (unsigned)len;
    found += hash_map_find(&map, names[at], lengths[at]) != NULL;
  }
  double ns = (double)(clock_monotonic_ns() - begun_ns) / LOOK_UPS;
  assert_int_equal(found, LOOK_UPS);
  free_all(&map);
  return ns;
}

/* A value of the daemon pays for one look-up, however many series there are:
 * only the processor's caches make a difference. */
static void a_look_up_costs_the_same_in_a_large_map(void **state) {
  double small_ns = look_up_ns(100);
  double large_ns = look_up_ns(12000);
  print_message("%.0f ns a look-up of 100, %.0f of 12000\n", small_ns,
                large_ns);
  assert_true(large_ns < 60 * small_ns); /* 120 times for a list */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_map_has_nothing),
      cmocka_unit_test(each_of_many_is_found),
      cmocka_unit_test(a_removed_one_is_gone_and_the_others_stay),
      cmocka_unit_test(each_is_visited_once),
      cmocka_unit_test(keys_differ_by_any_byte),
      cmocka_unit_test(every_bit_counts_everywhere),
      cmocka_unit_test(a_seeded_hash_never_changes),
      cmocka_unit_test(names_in_rows_spread_evenly),
      cmocka_unit_test(a_map_that_lives_long_stays_small),
      cmocka_unit_test(without_memory_a_map_takes_what_it_has_slots_for),
      cmocka_unit_test(a_look_up_costs_the_same_in_a_large_map),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

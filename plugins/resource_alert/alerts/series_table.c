/* SPDX-License-Identifier: MIT */
/* series_table: all series that were seen, found by their names.
 *
 * The hash of a series' key chooses one of 16 shards; the shard's lock guards
 * its map and all series in it. Threads that write values meet in a lock one
 * time in 16, and hold it for about 50 ns. */
#include "resource_alert/alerts/series_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define SHARD_BITS 4
#define SHARDS (1U << SHARD_BITS)
#define WATCHED_FIRST 16 /* series; then twice as many each time */
#define WALK_MS 1000
#define UNWATCHED_FORGET_MS (INT64_C(3600) * 1000)

/* What each value touches is in the first cache line of a shard, and no two
 * shards share one: threads write to the shards beside it. */
struct series_shard {
  _Alignas(64) pthread_mutex_t lock; /* guards all below, and the series */
  uint64_t evaluated;                /* values */
  struct hash_map map;
  struct series **watched; /* those that some rule watches; series->index */
  size_t watched_len, watched_room;
};

struct series_table {
  struct series_shard shards[SHARDS];
  struct series_context context;
  struct series_table_limits limits;
  _Atomic int64_t now_ms;
  _Atomic bool should_time;    /* the next value that comes */
  _Atomic int64_t duration_ns; /* of the last one timed; 0: none yet */
  _Atomic uint64_t rejected;
  _Atomic uint64_t series_len;
  int64_t walked_ms;   /* these two the ticking thread's */
  size_t forget_shard; /* whose silent series are removed next */
};

static struct series_entry *entry_of_node(struct hash_node *node) {
  return HASH_MAP_OWNER(node, struct series_entry, node);
}

/* ---- life ---- */

int series_table_new(const struct rules *rules,
                     const struct series_table_limits *limits,
                     struct change_queue *queue,
                     struct series_table **ret_table) {
  struct series_table *table =
      aligned_alloc(_Alignof(struct series_table), sizeof(*table));
  if (table == NULL) {
    return -ENOMEM;
  }
  memset(table, 0, sizeof(*table));
  table->limits = *limits;
  series_context_init(&table->context, rules, queue);
  for (size_t i = 0; i < SHARDS; i++) {
    (void)pthread_mutex_init(&table->shards[i].lock, NULL);
  }
  *ret_table = table;
  return 0;
}

void series_table_free(struct series_table *table) {
  if (table == NULL) {
    return;
  }
  for (size_t i = 0; i < SHARDS; i++) {
    struct series_shard *shard = &table->shards[i];
    for (struct hash_node *next, *node = hash_map_next(&shard->map, NULL);
         node != NULL; node = next) {
      next = hash_map_next(&shard->map, node);
      series_free(&table->context, entry_of_node(node));
    }
    free(shard->watched);
    hash_map_fini(&shard->map);
    (void)pthread_mutex_destroy(&shard->lock);
  }
  series_context_fini(&table->context);
  free(table);
}

/* ---- finding and adding; under the shard's lock ---- */

/* By the upper bits, since the lower ones choose the slot in the map. */
static struct series_shard *find_shard(struct series_table *table,
                                       uint64_t hash) {
  return &table->shards[hash >> (64 - SHARD_BITS)];
}

/* Adds ENTRY to those that are walked over, if a rule watches it. */
static int list_watched(struct series_shard *shard,
                        struct series_entry *entry) {
  struct series *series = series_of_entry(entry);
  if (series == NULL) {
    return 0;
  }
  if (shard->watched_len == shard->watched_room) {
    size_t room =
        shard->watched_room == 0 ? WATCHED_FIRST : 2 * shard->watched_room;
    struct series **watched =
        realloc(shard->watched, room * sizeof(watched[0]));
    if (watched == NULL) {
      return -ENOMEM;
    }
    shard->watched = watched;
    shard->watched_room = room;
  }
  series->index = (uint32_t)shard->watched_len;
  shard->watched[shard->watched_len++] = series;
  return 0;
}

/* The last one takes its place. */
static void unlist_watched(struct series_shard *shard, struct series *series) {
  struct series *last = shard->watched[--shard->watched_len];
  shard->watched[series->index] = last;
  last->index = series->index;
}

/* Makes an entry and adds it to the shard. NULL when memory is short. */
static struct series_entry *make_listed(struct series_table *table,
                                        struct series_shard *shard,
                                        const struct series_lookup *lookup) {
  struct series_entry *entry;
  if (series_new(&table->context, lookup, &shard->lock,
                 atomic_load(&table->now_ms), &entry) != 0) {
    return NULL;
  }
  const char *key =
      entry->is_watched ? series_of_entry(entry)->key : (char *)(entry + 1);
  if (hash_map_insert_hashed(&shard->map, &entry->node, lookup->hash, key,
                             lookup->key_bytes) != 0) {
    series_free(&table->context, entry);
    return NULL;
  }
  if (list_watched(shard, entry) != 0) {
    hash_map_remove(&shard->map, &entry->node);
    series_free(&table->context, entry);
    return NULL;
  }
  return entry;
}

/* Adds a series that is not there yet. NULL: there are too many, or no memory.
 * The place is reserved first, since other shards add, too. */
static struct series_entry *add_entry(struct series_table *table,
                                      struct series_shard *shard,
                                      const struct series_lookup *lookup) {
  bool has_place =
      atomic_fetch_add(&table->series_len, 1) < table->limits.series_max;
  struct series_entry *entry =
      has_place ? make_listed(table, shard, lookup) : NULL;
  if (entry == NULL) {
    atomic_fetch_sub(&table->series_len, 1);
    atomic_fetch_add(&table->rejected, 1);
  }
  return entry;
}

/* Nobody else has a pointer to it: readers hold the lock while they do. */
static void remove_entry(struct series_table *table, struct series_shard *shard,
                         struct series_entry *entry) {
  hash_map_remove(&shard->map, &entry->node);
  if (entry->is_watched) {
    unlist_watched(shard, series_of_entry(entry));
  }
  series_free(&table->context, entry);
  atomic_fetch_sub(&table->series_len, 1);
}

/* The key and the hash of the series of READING, for find_locked(). */
static void make_lookup(const struct series_table *table,
                        const struct reading *reading,
                        struct rule *notification_rule,
                        struct series_lookup *lookup) {
  const char *rule_name =
      notification_rule == NULL ? NULL : notification_rule->name;
  lookup->reading = reading;
  lookup->notification_rule = notification_rule;
  lookup->key_bytes =
      series_key_make(reading->names, rule_name, table->context.seed,
                      lookup->key, &lookup->hash);
}

/* Under the shard's lock: finds or, if MAY_ADD, adds an entry. NULL if there is
 * none. */
static struct series_entry *find_locked(struct series_table *table,
                                        struct series_shard *shard,
                                        const struct series_lookup *lookup,
                                        bool may_add) {
  struct series_entry *entry = entry_of_node(hash_map_find_hashed(
      &shard->map, lookup->hash, lookup->key, lookup->key_bytes));
  return entry != NULL || !may_add ? entry : add_entry(table, shard, lookup);
}

/* Finds or, if MAY_ADD, adds a series and locks its shard (series_unlock). NULL
 * if there is none, or no rule watches it. */
static struct series *lock_series(struct series_table *table,
                                  const struct series_lookup *lookup,
                                  bool may_add) {
  struct series_shard *shard = find_shard(table, lookup->hash);
  (void)pthread_mutex_lock(&shard->lock);
  struct series *series =
      series_of_entry(find_locked(table, shard, lookup, may_add));
  if (series == NULL) {
    (void)pthread_mutex_unlock(&shard->lock);
  }
  return series;
}

/* ---- values ---- */

/* The way of each value; nothing here depends on the number of rules or
 * series. */
static void update_series(struct series_table *table,
                          const struct reading *reading) {
  struct series_lookup lookup;
  make_lookup(table, reading, NULL, &lookup);
  struct series_shard *shard = find_shard(table, lookup.hash);
  int64_t now_ms = atomic_load_explicit(&table->now_ms, memory_order_relaxed);
  (void)pthread_mutex_lock(&shard->lock);
  struct series_entry *entry = find_locked(table, shard, &lookup, true);
  if (entry != NULL) {
    shard->evaluated++;
    if (entry->is_watched) {
      series_update(&table->context, series_of_entry(entry), reading, now_ms);
    } else {
      entry->seen_s = (uint32_t)(now_ms / 1000);
    }
  }
  (void)pthread_mutex_unlock(&shard->lock);
}

void series_table_update(struct series_table *table,
                         const struct reading *reading) {
  bool is_timed =
      atomic_load_explicit(&table->should_time, memory_order_relaxed) &&
      atomic_exchange(&table->should_time, false);
  int64_t before_ns = is_timed ? clock_monotonic_ns() : 0;
  update_series(table, reading);
  if (is_timed) {
    atomic_store(&table->duration_ns, clock_monotonic_ns() - before_ns);
  }
}

struct series *series_table_lock_restored(struct series_table *table,
                                          const struct reading *reading) {
  struct series_lookup lookup;
  make_lookup(table, reading, NULL, &lookup);
  return lock_series(table, &lookup, true);
}

/* ---- notifications: series of their own, 0 okay, 1 warning, 2 failure ---- */

static void describe_severity(const void *unused, size_t source,
                              struct reading_source *ret_source) {
  (void)unused;
  (void)source;
  *ret_source = (struct reading_source){.name = "severity",
                                        .kind = READING_GAUGE,
                                        .min = (double)NAN,
                                        .max = (double)NAN};
}

/* A reading without its value. Its interval is such that the series is missing
 * once the TTL of the rule has passed. */
static struct reading
reading_of_notification(const struct series_table *table,
                        const struct rule *rule,
                        const struct reading_names *names) {
  return (struct reading){
      .names = names,
      .type = {.describe = describe_severity},
      .interval_ns = (int64_t)(rule->notification->ttl_s * 1e9 /
                               table->limits.missing_intervals),
      .values_len = 1,
  };
}

/* An okay for which there is no series changes nothing, and makes none. */
static void update_notified(struct series_table *table, struct rule *rule,
                            const struct reading_names *names,
                            enum notification_rule_match match,
                            int64_t wall_ms) {
  double severity = (int)match - NOTIFICATION_RULE_OKAY;
  struct reading reading = reading_of_notification(table, rule, names);
  reading.values = &severity;
  reading.time_ns = wall_ms * 1000000;
  struct series_lookup lookup;
  make_lookup(table, &reading, rule, &lookup);
  struct series *series =
      lock_series(table, &lookup, match != NOTIFICATION_RULE_OKAY);
  if (series == NULL) {
    return;
  }
  if (reading.time_ns <= series->time_ns) { /* in the same ms, or set back */
    reading.time_ns = series->time_ns + 1;
  }
  find_shard(table, lookup.hash)->evaluated++;
  series_update(&table->context, series, &reading, atomic_load(&table->now_ms));
  series_unlock(series);
}

void series_table_notify(struct series_table *table,
                         const struct notification *notification,
                         int64_t wall_ms) {
  const struct rules *rules = table->context.rules;
  struct reading_names names;
  notification_rule_names(notification, &names);
  for (size_t i = rules->thresholds_len; i < rules->named_len; i++) {
    struct rule *rule = &rules->items[i];
    enum notification_rule_match match =
        notification_rule_match(rule->notification, notification);
    if (match != NOTIFICATION_RULE_NONE) {
      update_notified(table, rule, &names, match, wall_ms);
    }
  }
}

struct series *series_table_lock_notified(struct series_table *table,
                                          const char *rule,
                                          const struct reading_names *names) {
  const struct rules *rules = table->context.rules;
  for (size_t i = rules->thresholds_len; i < rules->named_len; i++) {
    if (strcmp(rules->items[i].name, rule) == 0) {
      const struct reading reading =
          reading_of_notification(table, &rules->items[i], names);
      struct series_lookup lookup;
      make_lookup(table, &reading, &rules->items[i], &lookup);
      return lock_series(table, &lookup, true);
    }
  }
  return NULL;
}

/* ---- time passes, on one thread ---- */

/* True if the series had no reading for long enough that it is to be removed.
 * One that waits to be reported has to stay. */
static bool is_forgotten(const struct series_table *table,
                         struct series_entry *entry, int64_t now_ms) {
  int64_t forget_ms = table->limits.forget_ms;
  const struct series *series = series_of_entry(entry);
  if (series != NULL) {
    return now_ms - series->seen_ms > forget_ms && !series_is_queued(series);
  }
  return now_ms - (int64_t)entry->seen_s * 1000 >
         (forget_ms < UNWATCHED_FORGET_MS ? forget_ms : UNWATCHED_FORGET_MS);
}

/* Missing series and reminders of one shard. */
static void tick_shard(struct series_table *table, struct series_shard *shard,
                       int64_t now_ms, int64_t wall_ms) {
  (void)pthread_mutex_lock(&shard->lock);
  for (size_t i = 0; i < shard->watched_len; i++) {
    series_tick(&table->context, shard->watched[i], now_ms, wall_ms,
                table->limits.missing_intervals);
  }
  (void)pthread_mutex_unlock(&shard->lock);
}

/* Reads all series of the shard: about 100 ns each, where they are not in the
 * cache. */
static void forget_in_shard(struct series_table *table,
                            struct series_shard *shard, int64_t now_ms) {
  (void)pthread_mutex_lock(&shard->lock);
  for (struct hash_node *next, *node = hash_map_next(&shard->map, NULL);
       node != NULL; node = next) {
    next = hash_map_next(&shard->map, node);
    struct series_entry *entry = entry_of_node(node);
    if (is_forgotten(table, entry, now_ms)) {
      remove_entry(table, shard, entry);
    }
  }
  (void)pthread_mutex_unlock(&shard->lock);
}

/* Each walk ticks the watched series of all shards, and forgets in one shard,
 * since that has to read every series. */
void series_table_tick(struct series_table *table, int64_t now_ms,
                       int64_t wall_ms) {
  atomic_store(&table->now_ms, now_ms);
  atomic_store(&table->should_time, true);
  if (now_ms - table->walked_ms < WALK_MS) {
    return;
  }
  table->walked_ms = now_ms;
  for (size_t i = 0; i < SHARDS; i++) {
    tick_shard(table, &table->shards[i], now_ms, wall_ms);
  }
  forget_in_shard(table, &table->shards[table->forget_shard], now_ms);
  table->forget_shard = (table->forget_shard + 1) % SHARDS;
}

/* ---- for readers ---- */

/* The next watched series of the shard, under its lock. Downwards, so that no
 * series is skipped when another one is removed meanwhile. */
static struct series *next_in_shard(const struct series_shard *shard,
                                    struct series_cursor *cursor) {
  if (!cursor->is_inside || cursor->left > shard->watched_len) {
    cursor->is_inside = true;
    cursor->left = shard->watched_len;
  }
  return cursor->left == 0 ? NULL : shard->watched[--cursor->left];
}

struct series *series_table_lock_next(struct series_table *table,
                                      struct series_cursor *cursor) {
  while (cursor->shard < SHARDS) {
    struct series_shard *shard = &table->shards[cursor->shard];
    (void)pthread_mutex_lock(&shard->lock);
    struct series *series = next_in_shard(shard, cursor);
    if (series != NULL) {
      return series;
    }
    (void)pthread_mutex_unlock(&shard->lock);
    *cursor = (struct series_cursor){.shard = cursor->shard + 1};
  }
  return NULL;
}

void series_table_get_counts(struct series_table *table,
                             struct series_table_counts *ret_counts) {
  *ret_counts = (struct series_table_counts){
      .series = atomic_load(&table->series_len),
      .rejected = atomic_load(&table->rejected),
  };
  for (size_t i = 0; i < SHARDS; i++) {
    struct series_shard *shard = &table->shards[i];
    (void)pthread_mutex_lock(&shard->lock);
    ret_counts->watched += shard->watched_len;
    (void)pthread_mutex_unlock(&shard->lock);
  }
}

void series_table_get_work(struct series_table *table,
                           struct series_table_work *ret_work) {
  *ret_work = (struct series_table_work){
      .duration_ns = atomic_load(&table->duration_ns),
  };
  for (size_t i = 0; i < SHARDS; i++) {
    struct series_shard *shard = &table->shards[i];
    (void)pthread_mutex_lock(&shard->lock);
    ret_work->evaluated += shard->evaluated;
    (void)pthread_mutex_unlock(&shard->lock);
  }
}

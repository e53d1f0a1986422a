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
#include "resource_alert/alerts/unwatched_set.h"

#define SHARD_BITS 4
#define SHARDS (1U << SHARD_BITS)
#define WATCHED_FIRST 16 /* series; then twice as many each time */
#define WALK_MS 1000
#define UNWATCHED_FORGET_MS (INT64_C(3600) * 1000)
#define CROWDED_FORGET_MS (INT64_C(300) * 1000) /* the same in a full table */
#define HOST_SLOTS UNWATCHED_HOSTS
#define LOCAL_HOST 0 /* its slot */

/* What each value touches is in the first cache line of a shard, and no two
 * shards share one: threads write to the shards beside it. */
struct series_shard {
  _Alignas(64) pthread_mutex_t lock; /* guards all below, and the series */
  uint64_t evaluated;                /* values */
  struct unwatched_set unwatched;    /* most series are such */
  struct hash_map map;               /* the series that some rule watches */
  struct series **watched;           /* those in the map; series->index */
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
  _Atomic uint32_t host_len[HOST_SLOTS]; /* series, by the slot of their host */
  int64_t walked_ms;                     /* these two the ticking thread's */
  size_t forget_shard; /* whose silent series are removed next */
};

static struct series *get_series_of_node(struct hash_node *node) {
  return HASH_MAP_OWNER(node, struct series, node);
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
      series_free(&table->context, get_series_of_node(node));
    }
    free(shard->watched);
    unwatched_set_fini(&shard->unwatched);
    hash_map_fini(&shard->map);
    (void)pthread_mutex_destroy(&shard->lock);
  }
  series_context_fini(&table->context);
  free(table);
}

/* ---- places: a share for each host ---- */

/* Other hosts than this one may share a slot: names come from the network. */
static uint32_t find_host_slot(const struct series_table *table,
                               const char *host) {
  const char *local = table->limits.host;
  return local == NULL || strcmp(host, local) == 0
             ? LOCAL_HOST
             : 1 + (uint32_t)(hash_map_hash(host, strlen(host)) %
                              (HOST_SLOTS - 1));
}

static uint64_t count_foreign_series(const struct series_table *table) {
  return atomic_load(&table->series_len) -
         atomic_load(&table->host_len[LOCAL_HOST]);
}

static void release_place(struct series_table *table, uint32_t host) {
  atomic_fetch_sub(&table->series_len, 1);
  atomic_fetch_sub(&table->host_len[host], 1);
}

/* A quarter is for this host alone, and no other host gets more than a quarter.
 * Other shards reserve at the same time, so these are not exact; the limit of
 * all is. */
static bool reserve_place(struct series_table *table, uint32_t host) {
  uint64_t max = table->limits.series_max;
  bool has_place = atomic_fetch_add(&table->series_len, 1) < max;
  uint32_t before = atomic_fetch_add(&table->host_len[host], 1);
  has_place = has_place && (host == LOCAL_HOST ||
                            (before < max - max * 3 / 4 &&
                             count_foreign_series(table) <= max - max / 4));
  if (!has_place) {
    release_place(table, host);
  }
  return has_place;
}

/* True from seven eighths of a limit on. */
static bool is_crowded(const struct series_table *table) {
  uint64_t max = table->limits.series_max;
  uint64_t foreign = count_foreign_series(table);
  return atomic_load(&table->series_len) >= max - max / 8 ||
         (foreign > 0 && foreign >= (max - max / 4) / 8 * 7);
}

/* ---- finding and adding ---- */

/* By the upper bits, since the lower ones choose the slot in the map. */
static struct series_shard *find_shard(struct series_table *table,
                                       uint64_t hash) {
  return &table->shards[hash >> (64 - SHARD_BITS)];
}

/* Makes a place among those that are walked over. */
static int reserve_watched(struct series_shard *shard) {
  if (shard->watched_len < shard->watched_room) {
    return 0;
  }
  size_t room =
      shard->watched_room == 0 ? WATCHED_FIRST : 2 * shard->watched_room;
  struct series **watched = realloc(shard->watched, room * sizeof(watched[0]));
  if (watched == NULL) {
    return -ENOMEM;
  }
  shard->watched = watched;
  shard->watched_room = room;
  return 0;
}

/* Makes a series and adds it to the shard; a mere hash if no rule needs it.
 * Returns 0 with *ret_series, NULL in that case; or -ENOMEM. */
static int make_series_locked(struct series_table *table,
                              struct series_shard *shard,
                              const struct series_lookup *lookup, uint32_t host,
                              struct series **ret_series) {
  int64_t now_ms = atomic_load(&table->now_ms);
  struct series *series = NULL;
  int code = reserve_watched(shard);
  if (code == 0) {
    code = series_new(&table->context, lookup, &shard->lock, now_ms, &series);
  }
  if (code == 0 && series == NULL) {
    return unwatched_set_add(&shard->unwatched, lookup->hash, host, now_ms);
  }
  if (code == 0) {
    code = hash_map_insert_hashed(&shard->map, &series->node, lookup->hash,
                                  series->key, lookup->key_bytes);
  }
  if (code != 0) {
    series_free(&table->context, series);
    return code;
  }
  series->index = (uint32_t)shard->watched_len;
  shard->watched[shard->watched_len++] = series;
  *ret_series = series;
  return 0;
}

/* Adds a series that is not there yet. Returns false if there are too many, or
 * no memory. The place is reserved first, since other shards add, too. */
static bool add_series_locked(struct series_table *table,
                              struct series_shard *shard,
                              const struct series_lookup *lookup,
                              struct series **ret_series) {
  uint32_t host = find_host_slot(table, lookup->reading->names->host);
  bool has_place = reserve_place(table, host);
  if (has_place &&
      make_series_locked(table, shard, lookup, host, ret_series) == 0) {
    return true;
  }
  if (has_place) {
    release_place(table, host);
  }
  atomic_fetch_add(&table->rejected, 1);
  return false;
}

/* Nobody else has a pointer to it: readers hold the lock while they do. The
 * last one takes its place among the watched. */
static void remove_series_locked(struct series_table *table,
                                 struct series_shard *shard,
                                 struct series *series) {
  struct series *last = shard->watched[--shard->watched_len];
  shard->watched[series->index] = last;
  last->index = series->index;
  hash_map_remove(&shard->map, &series->node);
  release_place(table, find_host_slot(table, series_key_host(series->key)));
  series_free(&table->context, series);
}

/* The key and the hash of the series of READING, for
 * find_or_add_series_locked(). */
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

/* Under the shard's lock: finds or, if MAY_ADD, adds a series. *ret_series:
 * NULL if no rule watches it, which is noted. Returns false if there is none.
 */
static bool find_or_add_series_locked(struct series_table *table,
                                      struct series_shard *shard,
                                      const struct series_lookup *lookup,
                                      bool may_add,
                                      struct series **ret_series) {
  int64_t now_ms = atomic_load_explicit(&table->now_ms, memory_order_relaxed);
  if (unwatched_set_touch(&shard->unwatched, lookup->hash, now_ms)) {
    return true;
  }
  *ret_series = get_series_of_node(hash_map_find_hashed(
      &shard->map, lookup->hash, lookup->key, lookup->key_bytes));
  if (*ret_series != NULL) {
    return true;
  }
  return may_add && add_series_locked(table, shard, lookup, ret_series);
}

/* Locks the shard of a series (series_unlock), and adds the series if MAY_ADD
 * and there is none. NULL if there is none, or no rule watches it. */
static struct series *lock_series(struct series_table *table,
                                  const struct series_lookup *lookup,
                                  bool may_add) {
  struct series_shard *shard = find_shard(table, lookup->hash);
  (void)pthread_mutex_lock(&shard->lock);
  struct series *series = NULL;
  (void)find_or_add_series_locked(table, shard, lookup, may_add, &series);
  if (series == NULL) {
    (void)pthread_mutex_unlock(&shard->lock);
  }
  return series;
}

/* ---- values ---- */

/* The way of each value; nothing here depends on the number of rules or
 * series. */
static void evaluate_reading(struct series_table *table,
                             const struct reading *reading) {
  struct series_lookup lookup;
  make_lookup(table, reading, NULL, &lookup);
  struct series_shard *shard = find_shard(table, lookup.hash);
  (void)pthread_mutex_lock(&shard->lock);
  struct series *series = NULL;
  bool is_known =
      find_or_add_series_locked(table, shard, &lookup, true, &series);
  shard->evaluated += is_known ? 1 : 0;
  if (series != NULL) {
    series_evaluate(&table->context, series, reading,
                    atomic_load_explicit(&table->now_ms, memory_order_relaxed));
  }
  (void)pthread_mutex_unlock(&shard->lock);
}

void series_table_take_reading(struct series_table *table,
                               const struct reading *reading) {
  bool is_timed =
      atomic_load_explicit(&table->should_time, memory_order_relaxed) &&
      atomic_exchange(&table->should_time, false);
  int64_t before_ns = is_timed ? clock_monotonic_ns() : 0;
  evaluate_reading(table, reading);
  if (is_timed) {
    atomic_store(&table->duration_ns, clock_monotonic_ns() - before_ns);
  }
}

struct series *series_table_lock_or_add(struct series_table *table,
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
make_notification_reading(const struct series_table *table,
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
static void evaluate_matched_rule(struct series_table *table, struct rule *rule,
                                  const struct reading_names *names,
                                  enum notification_rule_match match,
                                  int64_t wall_ms) {
  double severity = (int)match - NOTIFICATION_RULE_OKAY;
  struct reading reading = make_notification_reading(table, rule, names);
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
  series_evaluate(&table->context, series, &reading,
                  atomic_load(&table->now_ms));
  series_unlock(series);
}

void series_table_take_notification(struct series_table *table,
                                    const struct notification *notification,
                                    int64_t wall_ms) {
  const struct rules *rules = table->context.rules;
  struct reading_names names;
  notification_rule_fill_names(notification, &names);
  for (size_t i = rules->thresholds_len; i < rules->named_len; i++) {
    struct rule *rule = &rules->items[i];
    enum notification_rule_match match =
        notification_rule_match(rule->notification, notification);
    if (match != NOTIFICATION_RULE_NONE) {
      evaluate_matched_rule(table, rule, &names, match, wall_ms);
    }
  }
}

struct series *
series_table_lock_or_add_notified(struct series_table *table, const char *rule,
                                  const struct reading_names *names) {
  const struct rules *rules = table->context.rules;
  for (size_t i = rules->thresholds_len; i < rules->named_len; i++) {
    if (strcmp(rules->items[i].name, rule) == 0) {
      const struct reading reading =
          make_notification_reading(table, &rules->items[i], names);
      struct series_lookup lookup;
      make_lookup(table, &reading, &rules->items[i], &lookup);
      return lock_series(table, &lookup, true);
    }
  }
  return NULL;
}

/* ---- time passes, on one thread ---- */

/* Missing series and reminders of one shard. */
static void queue_overdue_of_shard(struct series_table *table,
                                   struct series_shard *shard, int64_t now_ms,
                                   int64_t wall_ms) {
  (void)pthread_mutex_lock(&shard->lock);
  for (size_t i = 0; i < shard->watched_len; i++) {
    series_queue_overdue(&table->context, shard->watched[i], now_ms, wall_ms,
                         table->limits.missing_intervals);
  }
  (void)pthread_mutex_unlock(&shard->lock);
}

/* In a full table a series that has stopped goes once it was silent for longer
 * than it was ever seen: names from the network that came once make room. */
static bool is_stale(const struct series_table *table,
                     const struct series *series, int64_t now_ms,
                     bool is_full) {
  int64_t silent_ms = now_ms - series->seen_ms;
  double missing_ms =
      table->limits.missing_intervals * (double)series->interval_ms;
  return silent_ms > table->limits.forget_ms ||
         (is_full && silent_ms > series->clock_ms &&
          (double)silent_ms > missing_ms + 2 * WALK_MS);
}

/* Removes the series without a reading for long enough. One that waits to be
 * reported has to stay. Downwards, since the last one takes the place of one
 * that goes. Reads all of the shard: about 100 ns for each that is watched,
 * where it is not in the cache. */
static void forget_stale_series(struct series_table *table,
                                struct series_shard *shard, int64_t now_ms,
                                bool is_full) {
  int64_t unwatched_ms = is_full ? CROWDED_FORGET_MS : UNWATCHED_FORGET_MS;
  int64_t forget_ms = table->limits.forget_ms;
  (void)pthread_mutex_lock(&shard->lock);
  for (size_t i = shard->watched_len; i > 0; i--) {
    struct series *series = shard->watched[i - 1];
    if (is_stale(table, series, now_ms, is_full) && !series_is_queued(series)) {
      remove_series_locked(table, shard, series);
    }
  }
  size_t gone = unwatched_set_forget(
      &shard->unwatched, now_ms,
      forget_ms < unwatched_ms ? forget_ms : unwatched_ms, table->host_len);
  atomic_fetch_sub(&table->series_len, gone);
  (void)pthread_mutex_unlock(&shard->lock);
}

/* Each walk ticks the watched series of all shards, and forgets in one shard,
 * since that has to read every series; in all of them where the table is full.
 */
void series_table_advance_time(struct series_table *table, int64_t now_ms,
                               int64_t wall_ms) {
  atomic_store(&table->now_ms, now_ms);
  atomic_store(&table->should_time, true);
  if (now_ms - table->walked_ms < WALK_MS) {
    return;
  }
  table->walked_ms = now_ms;
  bool is_full = is_crowded(table);
  for (size_t i = 0; i < SHARDS; i++) {
    queue_overdue_of_shard(table, &table->shards[i], now_ms, wall_ms);
    if (is_full || i == table->forget_shard) {
      forget_stale_series(table, &table->shards[i], now_ms, is_full);
    }
  }
  table->forget_shard = (table->forget_shard + 1) % SHARDS;
}

/* ---- for readers ---- */

/* The next watched series of the shard, under its lock. Downwards, so that no
 * series is skipped when another one is removed meanwhile. */
static struct series *find_next_watched(const struct series_shard *shard,
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
    struct series *series = find_next_watched(shard, cursor);
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

void series_table_forget_locked(struct series_table *table,
                                struct series *series, int64_t now_ms,
                                int64_t wall_ms) {
  series_forget(&table->context, series, now_ms, wall_ms);
}

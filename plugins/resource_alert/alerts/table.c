/* SPDX-License-Identifier: MIT */
/* table: all series that were seen, each bound to the rules that watch it. */
#include "resource_alert/alerts/table.h"

#include <errno.h>
#include <stdlib.h>

#include "core/clock.h"
#include "resource_alert/alerts/table_parts.h"

#define WALK_MS 1000
#define UNWATCHED_MS (INT64_C(3600) * 1000) /* then it is forgotten */
/* ---- life ---- */

static int init_memory(struct table *table) {
  size_t series_max = (size_t)table->limits.series_max;
  table->matched = calloc(table->rules->len + 1, sizeof(struct rule *));
  int code = table->matched == NULL ? -ENOMEM : 0;
  if (code == 0) {
    code = series_places_init(&table->places, series_max);
  }
  if (code == 0) {
    code = fingerprint_key_draw(&table->store.key);
  }
  return code != 0 ? code
                   : series_index_init(&table->index, table->places.series);
}

static void free_memory(struct table *table) {
  series_places_fini(&table->places);
  free(table->matched);
  free(table);
}

int table_new(const struct rules *rules, const struct table_limits *limits,
              struct changes *changes, struct table **ret_table) {
  struct table *table = calloc(1, sizeof(*table));
  if (table == NULL) {
    return -ENOMEM;
  }
  table->rules = rules;
  table->changes = changes;
  table->limits = *limits;
  int code = init_memory(table);
  if (code != 0) {
    free_memory(table);
    return code;
  }
  (void)pthread_mutex_init(&table->lock, NULL);
  *ret_table = table;
  return 0;
}

void table_free(struct table *table) {
  if (table == NULL) {
    return;
  }
  size_t used = atomic_load(&table->places.used);
  for (size_t i = 0; i < used; i++) {
    series_body_free(&table->store, atomic_load(&table->places.series[i].body));
  }
  names_fini(&table->store.names);
  series_types_fini(&table->types);
  series_types_fini(&table->heard_types);
  series_index_fini(&table->index);
  (void)pthread_mutex_destroy(&table->lock);
  free_memory(table);
}

/* ---- every value ---- */

static void take(struct table *table, const struct reading *reading) {
  struct fingerprint id =
      fingerprint_of_names(reading->names, &table->store.key);
  struct series *series = series_index_find(&table->index, id);
  int64_t now_ms = series_load(table->now_ms);
  if (series != NULL && series_take_calmly(series, reading, now_ms)) {
    return;
  }
  const struct sighting sighting = {.reading = reading, .id = id};
  series = table_lock_series(table, &sighting, series);
  if (series != NULL) {
    series_take(series, reading, now_ms, table->changes);
    series_unlock(series);
  }
}

static void take_timed(struct table *table, const struct reading *reading) {
  int64_t before_ns = clock_monotonic_ns();
  take(table, reading);
  series_store(table->timing_ns, clock_monotonic_ns() - before_ns);
}

void table_take(struct table *table, const struct reading *reading) {
  bool is_asked = series_load(table->wants_timing) &&
                  atomic_exchange(&table->wants_timing, false);
  if (is_asked) {
    take_timed(table, reading);
  } else {
    take(table, reading);
  }
}

struct series *table_lock_restored(struct table *table,
                                   const struct reading *reading) {
  const struct sighting sighting = {
      .reading = reading,
      .id = fingerprint_of_names(reading->names, &table->store.key),
  };
  struct series *series = table_lock_series(table, &sighting, NULL);
  if (series != NULL && atomic_load(&series->body) == NULL) {
    series_unlock(series);
    return NULL;
  }
  return series;
}

/* ---- time passes, on one thread ---- */

static bool is_gone(const struct table *table, const struct series *series,
                    int64_t now_ms) {
  int64_t seen_ms = series_load(series->seen_ms);
  int64_t forget_ms = table->limits.forget_ms;
  if (series_load(series->body) == NULL && forget_ms > UNWATCHED_MS) {
    forget_ms = UNWATCHED_MS;
  }
  return seen_ms != INT64_MAX && now_ms - seen_ms > forget_ms;
}

/* Gives the memory of a series back, unless a change of it is still queued or a
 * value has come after all. */
static void forget(struct table *table, struct series *series, int64_t now_ms) {
  (void)pthread_mutex_lock(&table->lock);
  series_lock(series);
  bool is_over = series_load(series->id_high) != 0 &&
                 is_gone(table, series, now_ms) && !series_is_queued(series);
  if (is_over) {
    series_store(series->id_high, 0); /* nobody who found it goes on */
  }
  series_unlock(series);
  if (is_over) {
    series_index_remove(&table->index, series);
    table_give_back(table, series);
  }
  (void)pthread_mutex_unlock(&table->lock);
}

static void tick_series(struct table *table, struct series *series,
                        int64_t wall_ms) {
  int64_t now_ms = atomic_load(&table->now_ms);
  if (!series_needs_tick(series, now_ms, table->limits.missing_intervals)) {
    return;
  }
  series_lock(series);
  series_tick(series, now_ms, wall_ms, table->limits.missing_intervals,
              table->changes);
  series_unlock(series);
  if (is_gone(table, series, now_ms)) {
    forget(table, series, now_ms);
  }
}

void table_tick(struct table *table, int64_t now_ms, int64_t wall_ms) {
  atomic_store(&table->now_ms, now_ms);
  atomic_store(&table->wants_timing, true);
  if (now_ms - table->walked_ms < WALK_MS) {
    return;
  }
  table->walked_ms = now_ms;
  size_t used = atomic_load(&table->places.used);
  for (size_t i = 0; i < used; i++) {
    tick_series(table, &table->places.series[i], wall_ms);
  }
}

/* ---- for those who look ---- */

struct series *table_lock_next(struct table *table, size_t *cursor) {
  size_t used = atomic_load(&table->places.used);
  while (*cursor < used) {
    struct series *series = &table->places.series[(*cursor)++];
    if (series_load(series->body) == NULL) {
      continue;
    }
    series_lock(series);
    if (series_load(series->body) != NULL) {
      return series;
    }
    series_unlock(series);
  }
  return NULL;
}

static uint64_t count_taken(struct table *table) {
  (void)pthread_mutex_lock(&table->lock);
  uint64_t taken = table->taken_before;
  size_t used = atomic_load(&table->places.used);
  for (size_t i = 0; i < used; i++) {
    bool is_used = series_load(table->places.series[i].id_high) != 0;
    taken += is_used ? series_load(table->places.series[i].taken) : 0;
  }
  (void)pthread_mutex_unlock(&table->lock);
  return taken;
}

void table_get_counts(struct table *table, struct table_counts *ret) {
  *ret = (struct table_counts){
      .series = atomic_load(&table->series_len),
      .watched = atomic_load(&table->watched_len),
      .refused = atomic_load(&table->refused),
  };
}

void table_get_work(struct table *table, struct table_work *ret) {
  *ret = (struct table_work){
      .taken = count_taken(table),
      .timing_ns = series_load(table->timing_ns),
  };
}

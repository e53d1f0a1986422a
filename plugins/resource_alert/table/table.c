/* SPDX-License-Identifier: MIT */
/* table: all series that were seen, each bound to the rows that watch it. */
#include "resource_alert/table/table.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/table/series_index.h"

#define CHUNK_SERIES 1024
#define CACHE_LINE 64
#define WALK_MS 1000
#define FORGET_NOBODIES_MS (INT64_C(3600) * 1000)

struct table {
  const struct rows *rows;
  struct changes *changes;
  struct table_limits limits;
  struct fingerprint_key key;
  struct series_index index;
  _Atomic int64_t now_ms;
  _Atomic uint64_t refused;

  pthread_mutex_t lock;   /* for a first sight: guards all below */
  struct series **chunks; /* of CHUNK_SERIES each; the array never moves */
  size_t chunks_len;
  struct series_types types;
  struct row **matched;   /* for rows_match() */
  struct series **unused; /* a stack, as large as all chunks together */
  size_t unused_len;
  _Atomic uint64_t series_len;
  _Atomic uint64_t watched_len;

  int64_t walked_ms; /* the ticking thread's */
  int64_t nobodies_ms;
};

/* ---- life ---- */

static int init_memory(struct table *table) {
  size_t chunks = (size_t)(table->limits.series_max / CHUNK_SERIES) + 1;
  table->chunks = calloc(chunks, sizeof(struct series *));
  table->unused = calloc(chunks * CHUNK_SERIES, sizeof(struct series *));
  table->matched = calloc(table->rows->len + 1, sizeof(struct row *));
  if (table->chunks == NULL || table->unused == NULL ||
      table->matched == NULL) {
    return -ENOMEM;
  }
  int code = fingerprint_key_draw(&table->key);
  return code != 0 ? code : series_index_init(&table->index);
}

int table_new(const struct rows *rows, const struct table_limits *limits,
              struct changes *changes, struct table **ret_table) {
  struct table *table = calloc(1, sizeof(*table));
  if (table == NULL) {
    return -ENOMEM;
  }
  table->rows = rows;
  table->changes = changes;
  table->limits = *limits;
  int code = init_memory(table);
  if (code != 0) {
    free(table->chunks);
    free(table->unused);
    free(table->matched);
    free(table);
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
  for (size_t i = 0; i < table->chunks_len; i++) {
    for (size_t j = 0; j < CHUNK_SERIES; j++) {
      series_body_free(table->chunks[i][j].body);
    }
    free(table->chunks[i]);
  }
  free(table->chunks);
  free(table->unused);
  free(table->matched);
  series_types_fini(&table->types);
  series_index_fini(&table->index);
  (void)pthread_mutex_destroy(&table->lock);
  free(table);
}

/* ---- first sight, under the table's lock ---- */

static int add_chunk(struct table *table) {
  struct series *chunk =
      aligned_alloc(CACHE_LINE, CHUNK_SERIES * sizeof(*chunk));
  if (chunk == NULL) {
    return -ENOMEM;
  }
  memset(chunk, 0, CHUNK_SERIES * sizeof(*chunk));
  table->chunks[table->chunks_len++] = chunk;
  for (size_t i = CHUNK_SERIES; i > 0; i--) {
    atomic_flag_clear(&chunk[i - 1].lock);
    atomic_store(&chunk[i - 1].seen_ms, INT64_MAX); /* wants no tick */
    table->unused[table->unused_len++] = &chunk[i - 1];
  }
  return 0;
}

/* A series with BODY (taken) from the stack of unused ones; NULL when memory
 * is short. */
static struct series *use_series(struct table *table, struct series_body *body,
                                 const struct reading *reading) {
  if (table->unused_len == 0 && add_chunk(table) != 0) {
    series_body_free(body);
    return NULL;
  }
  struct series *series = table->unused[--table->unused_len];
  series_lock(series);
  series_bind(series, body, reading->interval_ns, atomic_load(&table->now_ms));
  series_unlock(series);
  atomic_fetch_add(&table->watched_len, 1);
  return series;
}

static void recycle(struct table *table, struct series *series) {
  series_lock(series);
  struct series_body *body = series_unbind(series);
  series_unlock(series);
  series_body_free(body);
  table->unused[table->unused_len++] = series;
  atomic_fetch_sub(&table->watched_len, 1);
}

/* The series, bound; nobody if no row watches it; NULL when memory is short. */
static struct series *make_series(struct table *table,
                                  const struct reading *reading,
                                  struct fingerprint id) {
  struct series_binding binding = {
      .rows = table->rows,
      .names = reading->names,
      .id = id,
      .matched = table->matched,
  };
  selector_subject_init(&binding.subject, reading->names);
  binding.matched_len =
      rows_match(table->rows, &binding.subject, reading->names, table->matched);
  if (binding.matched_len == 0 || reading->values_len > UINT8_MAX) {
    return series_index_nobody;
  }
  struct series_body *body = NULL;
  binding.type = series_types_find(&table->types, reading);
  if (binding.type == NULL || series_body_new(&binding, &body) != 0) {
    return NULL;
  }
  return body == NULL ? series_index_nobody : use_series(table, body, reading);
}

static struct series *add_series(struct table *table,
                                 const struct reading *reading,
                                 struct fingerprint id) {
  if (atomic_load(&table->series_len) >= table->limits.series_max) {
    return NULL;
  }
  struct series *series = make_series(table, reading, id);
  if (series != NULL && series_index_add(&table->index, id, series) != 0) {
    if (series != series_index_nobody) {
      recycle(table, series);
    }
    return NULL;
  }
  if (series != NULL) {
    atomic_fetch_add(&table->series_len, 1);
  }
  return series;
}

/* Finds or adds. NULL: refused. */
static struct series *sight(struct table *table, const struct reading *reading,
                            struct fingerprint id) {
  (void)pthread_mutex_lock(&table->lock);
  struct series *series = series_index_find(&table->index, id);
  if (series == NULL) {
    series = add_series(table, reading, id);
  }
  (void)pthread_mutex_unlock(&table->lock);
  return series;
}

/* The locked series; NULL if nobody watches it or it was refused. */
static struct series *lock_series(struct table *table,
                                  const struct reading *reading) {
  struct fingerprint id = fingerprint_of_names(reading->names, &table->key);
  struct series *series = series_index_find(&table->index, id);
  /* No pointer arithmetic: series may be NULL, which a prefetch forgives. */
  __builtin_prefetch(
      (const void *)((uintptr_t)series + offsetof(struct series, own)), 1);
  for (;;) {
    if (series == NULL) {
      series = sight(table, reading, id);
    }
    if (series == NULL) {
      atomic_fetch_add(&table->refused, 1);
      return NULL;
    }
    if (series == series_index_nobody) {
      return NULL;
    }
    series_lock(series);
    if (series->id_high == (id.high | 1)) {
      return series;
    }
    series_unlock(series); /* recycled since we found it */
    series = NULL;
  }
}

void table_take(struct table *table, const struct reading *reading) {
  struct series *series = lock_series(table, reading);
  if (series != NULL) {
    int64_t now_ms = atomic_load_explicit(&table->now_ms, memory_order_relaxed);
    series_take(series, reading, now_ms, table->changes);
    series_unlock(series);
  }
}

struct series *table_lock_restored(struct table *table,
                                   const struct reading *reading) {
  return lock_series(table, reading);
}

/* ---- time passes, on one thread ---- */

static bool is_gone(const struct table *table, const struct series *series,
                    int64_t now_ms) {
  int64_t seen_ms = atomic_load(&series->seen_ms);
  return seen_ms != INT64_MAX && now_ms - seen_ms > table->limits.forget_ms;
}

/* Gives the memory of a series back, unless a change of it is still queued. */
static void forget(struct table *table, struct series *series) {
  (void)pthread_mutex_lock(&table->lock);
  series_lock(series);
  bool is_quiet = series->body != NULL && !series_is_queued(series);
  if (is_quiet) {
    series->id_high = 0; /* nobody who found it goes on */
  }
  series_unlock(series);
  if (is_quiet) { /* and nobody else takes its body away */
    series_index_remove(&table->index, series->body->id);
    recycle(table, series);
    atomic_fetch_sub(&table->series_len, 1);
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
    forget(table, series);
  }
}

static size_t chunks_len(struct table *table) {
  (void)pthread_mutex_lock(&table->lock);
  size_t len = table->chunks_len;
  (void)pthread_mutex_unlock(&table->lock);
  return len;
}

static void forget_nobodies(struct table *table) {
  (void)pthread_mutex_lock(&table->lock);
  size_t before = table->index.used;
  series_index_forget_nobodies(&table->index);
  atomic_fetch_sub(&table->series_len, before - table->index.used);
  (void)pthread_mutex_unlock(&table->lock);
}

void table_tick(struct table *table, int64_t now_ms, int64_t wall_ms) {
  atomic_store(&table->now_ms, now_ms);
  if (now_ms - table->walked_ms >= WALK_MS) {
    table->walked_ms = now_ms;
    size_t len = chunks_len(table);
    for (size_t i = 0; i < len * CHUNK_SERIES; i++) {
      tick_series(table, &table->chunks[i / CHUNK_SERIES][i % CHUNK_SERIES],
                  wall_ms);
    }
  }
  if (now_ms - table->nobodies_ms >= FORGET_NOBODIES_MS) {
    table->nobodies_ms = now_ms;
    forget_nobodies(table);
  }
}

struct series *table_lock_next(struct table *table, size_t *cursor) {
  size_t len = chunks_len(table) * CHUNK_SERIES;
  while (*cursor < len) {
    size_t i = (*cursor)++;
    struct series *series = &table->chunks[i / CHUNK_SERIES][i % CHUNK_SERIES];
    series_lock(series);
    if (series->body != NULL) {
      return series;
    }
    series_unlock(series);
  }
  return NULL;
}

void table_get_counts(struct table *table, struct table_counts *ret) {
  *ret = (struct table_counts){
      .series = atomic_load(&table->series_len),
      .watched = atomic_load(&table->watched_len),
      .refused = atomic_load(&table->refused),
  };
}

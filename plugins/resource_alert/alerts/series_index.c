/* SPDX-License-Identifier: MIT */
/* series_index: fingerprint -> series, read without a lock by every value.
 *
 * Open addressing, sixteen entries a cache line: the index of 12,000 series
 * stays in the second cache beside all else, so that a value waits for one line
 * only, the series' own. An entry is one word, a piece of the fingerprint and
 * the number of the series, which itself says whether it is the right one.
 * Removing moves later entries back instead of leaving tombstones. A table
 * that was outgrown is kept until the end, since a reader may still be in it:
 * together they are smaller than the last one. */
#include "resource_alert/alerts/series_index.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ENTRIES 1024

struct series_index_table {
  struct series_index_table *outgrown;
  size_t mask;
  _Atomic uint32_t entries[]; /* 0: none */
};

static uint32_t entry_of(const struct series_index *index,
                         const struct series *series) {
  uint32_t number = (uint32_t)(series - index->series) + 1;
  return (uint32_t)(series_load(series->id_low) & 0xff) << 24 | number;
}

static struct series *series_of(const struct series_index *index,
                                uint32_t entry) {
  return &index->series[(entry & 0xffffff) - 1];
}

static size_t home_of(const struct series_index_table *table, uint64_t id_low) {
  return (size_t)(id_low >> 8) & table->mask;
}

static struct series_index_table *table_new(size_t entries) {
  struct series_index_table *table =
      calloc(1, sizeof(*table) + entries * sizeof(table->entries[0]));
  if (table != NULL) {
    table->mask = entries - 1;
  }
  return table;
}

int series_index_init(struct series_index *index, struct series *series) {
  struct series_index_table *table = table_new(FIRST_ENTRIES);
  if (table == NULL) {
    return -ENOMEM;
  }
  atomic_init(&index->table, table);
  index->series = series;
  index->used = 0;
  return 0;
}

void series_index_fini(struct series_index *index) {
  struct series_index_table *table = atomic_load(&index->table);
  while (table != NULL) {
    struct series_index_table *outgrown = table->outgrown;
    free(table);
    table = outgrown;
  }
}

struct series *series_index_find(const struct series_index *index,
                                 struct fingerprint id) {
  const struct series_index_table *table =
      atomic_load_explicit(&index->table, memory_order_acquire);
  uint32_t tag = (uint32_t)(id.low & 0xff);
  for (size_t i = home_of(table, id.low);; i = (i + 1) & table->mask) {
    uint32_t entry =
        atomic_load_explicit(&table->entries[i], memory_order_acquire);
    if (entry == 0) {
      return NULL;
    }
    if (entry >> 24 == tag && series_is(series_of(index, entry), id)) {
      return series_of(index, entry);
    }
  }
}

/* ---- changing, under the caller's lock ---- */

static uint32_t load(struct series_index_table *table, size_t i) {
  return atomic_load_explicit(&table->entries[i], memory_order_relaxed);
}

static void store(struct series_index_table *table, size_t i, uint32_t entry) {
  atomic_store_explicit(&table->entries[i], entry, memory_order_release);
}

static size_t home_of_entry(const struct series_index *index,
                            const struct series_index_table *table,
                            uint32_t entry) {
  return home_of(table, series_load(series_of(index, entry)->id_low));
}

static void insert(const struct series_index *index,
                   struct series_index_table *table, uint32_t entry) {
  size_t i = home_of_entry(index, table, entry);
  while (load(table, i) != 0) {
    i = (i + 1) & table->mask;
  }
  store(table, i, entry);
}

static int grow(struct series_index *index) {
  struct series_index_table *old = atomic_load(&index->table);
  struct series_index_table *table = table_new((old->mask + 1) * 2);
  if (table == NULL) {
    return -ENOMEM;
  }
  for (size_t i = 0; i <= old->mask; i++) {
    if (load(old, i) != 0) {
      insert(index, table, load(old, i));
    }
  }
  table->outgrown = old;
  atomic_store_explicit(&index->table, table, memory_order_release);
  return 0;
}

int series_index_add(struct series_index *index, struct series *series) {
  struct series_index_table *table = atomic_load(&index->table);
  if ((index->used + 1) * 2 > table->mask + 1) { /* at most half full */
    int code = grow(index);
    if (code != 0) {
      return code;
    }
  }
  insert(index, atomic_load(&index->table), entry_of(index, series));
  index->used++;
  return 0;
}

/* True if an entry whose home is HOME may not stand in HOLE but must stay at
 * AT: its home lies behind the hole. */
static bool must_stay(size_t home, size_t hole, size_t at) {
  return hole <= at ? (hole < home && home <= at) : (hole < home || home <= at);
}

static void empty(struct series_index *index, struct series_index_table *table,
                  size_t hole) {
  for (size_t at = (hole + 1) & table->mask; load(table, at) != 0;
       at = (at + 1) & table->mask) {
    uint32_t entry = load(table, at);
    if (!must_stay(home_of_entry(index, table, entry), hole, at)) {
      store(table, hole, entry);
      hole = at;
    }
  }
  store(table, hole, 0);
  index->used--;
}

void series_index_remove(struct series_index *index,
                         const struct series *series) {
  struct series_index_table *table = atomic_load(&index->table);
  uint32_t entry = entry_of(index, series);
  for (size_t i = home_of_entry(index, table, entry); load(table, i) != 0;
       i = (i + 1) & table->mask) {
    if (load(table, i) == entry) {
      empty(index, table, i);
      return;
    }
  }
}

/* SPDX-License-Identifier: MIT */
/* series_index: fingerprint -> series, read without a lock by every value.
 *
 * Open addressing, four slots a cache line. A slot that is filled or emptied
 * has tag 0 meanwhile and its series is written in between, so that a reader
 * who sees the same tag before and after has the series that belongs to it.
 * Removing moves later entries back instead of leaving tombstones. A table
 * that was outgrown is kept until the end, since a reader may still be in it:
 * together they are smaller than the last one. */
#include "resource_alert/table/series_index.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SLOTS 1024

struct slot {
  _Atomic uint64_t tag; /* 0: empty */
  _Atomic(struct series *) series;
};

struct series_index_table {
  struct series_index_table *outgrown;
  size_t mask;
  struct slot slots[];
};

/* Two names for nobody, so that one who is still asked for can be told from
 * one who is not. */
static struct series nobody_recent, nobody_old;
struct series *const series_index_nobody = &nobody_recent;

static uint64_t tag_of(struct fingerprint id) { return id.low | 1; }

static size_t home_of(const struct series_index_table *table, uint64_t tag) {
  return (size_t)(tag >> 8) & table->mask;
}

static struct series_index_table *table_new(size_t slots) {
  struct series_index_table *table =
      calloc(1, sizeof(*table) + slots * sizeof(table->slots[0]));
  if (table != NULL) {
    table->mask = slots - 1;
  }
  return table;
}

int series_index_init(struct series_index *index) {
  struct series_index_table *table = table_new(FIRST_SLOTS);
  if (table == NULL) {
    return -ENOMEM;
  }
  atomic_init(&index->table, table);
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

/* ---- reading ---- */

static struct series *read_slot(struct slot *slot, uint64_t tag) {
  struct series *series =
      atomic_load_explicit(&slot->series, memory_order_acquire);
  if (atomic_load_explicit(&slot->tag, memory_order_relaxed) != tag) {
    return NULL; /* being moved */
  }
  if (series == &nobody_old) {
    (void)atomic_compare_exchange_strong(&slot->series, &series,
                                         &nobody_recent);
    return series_index_nobody;
  }
  return series;
}

struct series *series_index_find(const struct series_index *index,
                                 struct fingerprint id) {
  struct series_index_table *table =
      atomic_load_explicit(&index->table, memory_order_acquire);
  uint64_t tag = tag_of(id);
  for (size_t i = home_of(table, tag);; i = (i + 1) & table->mask) {
    struct slot *slot = &table->slots[i];
    uint64_t found = atomic_load_explicit(&slot->tag, memory_order_acquire);
    if (found == tag) {
      return read_slot(slot, tag);
    }
    if (found == 0) {
      return NULL;
    }
  }
}

/* ---- changing, under the caller's lock ---- */

static uint64_t slot_tag(struct slot *slot) {
  return atomic_load_explicit(&slot->tag, memory_order_relaxed);
}

static void fill(struct slot *slot, uint64_t tag, struct series *series) {
  atomic_store_explicit(&slot->tag, 0, memory_order_relaxed);
  atomic_store_explicit(&slot->series, series, memory_order_release);
  atomic_store_explicit(&slot->tag, tag, memory_order_release);
}

static void insert(struct series_index_table *table, uint64_t tag,
                   struct series *series) {
  size_t i = home_of(table, tag);
  while (slot_tag(&table->slots[i]) != 0) {
    i = (i + 1) & table->mask;
  }
  fill(&table->slots[i], tag, series);
}

static int grow(struct series_index *index) {
  struct series_index_table *old = atomic_load(&index->table);
  struct series_index_table *table = table_new((old->mask + 1) * 2);
  if (table == NULL) {
    return -ENOMEM;
  }
  for (size_t i = 0; i <= old->mask; i++) {
    uint64_t tag = slot_tag(&old->slots[i]);
    if (tag != 0) {
      insert(table, tag, atomic_load(&old->slots[i].series));
    }
  }
  table->outgrown = old;
  atomic_store_explicit(&index->table, table, memory_order_release);
  return 0;
}

int series_index_add(struct series_index *index, struct fingerprint id,
                     struct series *series) {
  struct series_index_table *table = atomic_load(&index->table);
  if ((index->used + 1) * 2 > table->mask + 1) { /* at most half full */
    int code = grow(index);
    if (code != 0) {
      return code;
    }
  }
  insert(atomic_load(&index->table), tag_of(id), series);
  index->used++;
  return 0;
}

/* True if an entry whose home is HOME may not stand in HOLE but must stay at
 * AT: its home lies behind the hole. */
static bool must_stay(size_t home, size_t hole, size_t at) {
  return hole <= at ? (hole < home && home <= at) : (hole < home || home <= at);
}

static void empty_slot(struct series_index *index, size_t hole) {
  struct series_index_table *table = atomic_load(&index->table);
  for (size_t at = (hole + 1) & table->mask;; at = (at + 1) & table->mask) {
    struct slot *slot = &table->slots[at];
    uint64_t tag = slot_tag(slot);
    if (tag == 0) {
      break;
    }
    if (!must_stay(home_of(table, tag), hole, at)) {
      fill(&table->slots[hole], tag, atomic_load(&slot->series));
      hole = at;
    }
  }
  atomic_store_explicit(&table->slots[hole].tag, 0, memory_order_release);
  index->used--;
}

void series_index_remove(struct series_index *index, struct fingerprint id) {
  struct series_index_table *table = atomic_load(&index->table);
  uint64_t tag = tag_of(id);
  for (size_t i = home_of(table, tag); slot_tag(&table->slots[i]) != 0;
       i = (i + 1) & table->mask) {
    if (slot_tag(&table->slots[i]) == tag) {
      empty_slot(index, i);
      return;
    }
  }
}

void series_index_forget_nobodies(struct series_index *index) {
  struct series_index_table *table = atomic_load(&index->table);
  for (size_t i = 0; i <= table->mask; i++) {
    struct slot *slot = &table->slots[i];
    while (slot_tag(slot) != 0 && atomic_load(&slot->series) == &nobody_old) {
      empty_slot(index, i); /* may bring another one here */
    }
    struct series *recent = &nobody_recent;
    if (slot_tag(slot) != 0) {
      (void)atomic_compare_exchange_strong(&slot->series, &recent, &nobody_old);
    }
  }
}

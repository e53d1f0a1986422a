/* SPDX-License-Identifier: MIT */
/* table_hear: notifications of other plugins as readings of series of their
 * own: 0 okay, 1 warning, 2 failure. */
#include <math.h>
#include <string.h>

#include "resource_alert/table/table_parts.h"

static void describe(const void *unused, size_t source,
                     struct reading_source *ret_source) {
  (void)unused;
  (void)source;
  *ret_source = (struct reading_source){.name = "severity",
                                        .kind = READING_GAUGE,
                                        .min = (double)NAN,
                                        .max = (double)NAN};
}

/* Apart from the value series of the same names, and for each row. */
static struct fingerprint id_of(const struct table *table,
                                const struct reading_names *names,
                                const struct row *row) {
  struct fingerprint id = fingerprint_of_names(names, &table->store.key);
  id.low ^= (row->index + 1) * UINT64_C(0x9e3779b97f4a7c15);
  return id;
}

/* Such that the table misses it once its time is up. */
static int64_t interval_ns(const struct table *table, const struct row *row) {
  return (int64_t)(row->notification->ttl_s * 1e9 /
                   table->limits.missing_intervals);
}

static struct series *lock_heard(struct table *table, struct row *row,
                                 const struct reading *reading,
                                 bool may_be_new) {
  const struct sighting sighting = {
      .reading = reading,
      .id = id_of(table, reading->names, row),
      .row = row,
  };
  struct series *series = series_index_find(&table->index, sighting.id);
  return series == NULL && !may_be_new
             ? NULL
             : table_lock_series(table, &sighting, series);
}

static void hear(struct table *table, struct row *row,
                 const struct reading_names *names, enum notification_word word,
                 int64_t wall_ms) {
  double severity = (int)word - NOTIFICATION_OKAY;
  struct reading reading = {
      .names = names,
      .type = {.describe = describe},
      .time_ns = wall_ms * 1000000,
      .interval_ns = interval_ns(table, row),
      .values_len = 1,
      .values = &severity,
  };
  bool may_be_new = word != NOTIFICATION_OKAY;
  struct series *series = lock_heard(table, row, &reading, may_be_new);
  if (series == NULL) {
    return;
  }
  const struct series_body *body = series_load(series->body);
  if (reading.time_ns <= body->time_ns) { /* in the same ms, or set back */
    reading.time_ns = body->time_ns + 1;
  }
  series_take(series, &reading, series_load(table->now_ms), table->changes);
  series_unlock(series);
}

void table_hear(struct table *table, const struct notice *notice,
                int64_t wall_ms) {
  const struct rows *rows = table->rows;
  struct reading_names names;
  notification_names(notice, &names);
  for (size_t i = rows->thresholds_len; i < rows->named_len; i++) {
    struct row *row = &rows->items[i];
    enum notification_word word = notification_word(row->notification, notice);
    if (word != NOTIFICATION_NOTHING) {
      hear(table, row, &names, word, wall_ms);
    }
  }
}

struct series *table_lock_heard(struct table *table, const char *row,
                                const struct reading_names *names) {
  const struct rows *rows = table->rows;
  for (size_t i = rows->thresholds_len; i < rows->named_len; i++) {
    if (strcmp(rows->items[i].name, row) == 0) {
      const struct reading reading = {
          .names = names,
          .type = {.describe = describe},
          .interval_ns = interval_ns(table, &rows->items[i]),
          .values_len = 1,
      };
      return lock_heard(table, &rows->items[i], &reading, true);
    }
  }
  return NULL;
}

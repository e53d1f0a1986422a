/* SPDX-License-Identifier: MIT */
/* table_sight: a series that is seen for the first time, and one that is seen
 * no more. All under the table's lock, unless said. */
#include <errno.h>

#include "resource_alert/alerts/table_parts.h"

/* Which rules want the series; their number into *ret_len. True if it is to be
 * bound. */
static bool find_rules(struct table *table, const struct sighting *sighting,
                       struct series_binding *binding) {
  const struct reading_names *names = binding->names;
  selector_subject_init(&binding->subject, names);
  if (sighting->rule != NULL) {
    table->matched[0] = sighting->rule;
    binding->matched_len = 1;
    return true;
  }
  binding->matched_len =
      rules_match(table->rules, &binding->subject, names, table->matched);
  return binding->matched_len > 0 || rules_look_at(table->rules, names);
}

/* The rules' view of a series; NULL in *ret_body: no rule cares. Returns 0 or
 * -ENOMEM. */
static int bind_rules(struct table *table, const struct sighting *sighting,
                      struct series_body **ret_body) {
  const struct reading *reading = sighting->reading;
  struct series_binding binding = {
      .rules = table->rules,
      .names = reading->names,
      .id = sighting->id,
      .matched = table->matched,
      .is_heard = sighting->rule != NULL,
  };
  *ret_body = NULL;
  bool is_wanted = find_rules(table, sighting, &binding);
  if (!is_wanted || reading->values_len > UINT8_MAX) {
    return 0;
  }
  binding.type = series_types_find(
      binding.is_heard ? &table->heard_types : &table->types, reading);
  return binding.type == NULL
             ? -ENOMEM
             : series_body_new(&table->store, &binding, ret_body);
}

/* Makes a place the series that was sighted, with BODY (taken). */
static struct series *use_place(struct table *table, struct series_body *body,
                                const struct sighting *sighting) {
  int64_t now_ms = atomic_load(&table->now_ms);
  struct series *series = series_places_take(&table->places, now_ms);
  if (series == NULL) {
    series_body_free(&table->store, body);
    return NULL;
  }
  series_lock(series);
  series_bind(series, sighting->id, body, sighting->reading->interval_ns,
              now_ms);
  series_unlock(series);
  atomic_fetch_add(&table->series_len, 1);
  atomic_fetch_add(&table->watched_len, body == NULL ? 0 : 1);
  return series;
}

void table_give_back(struct table *table, struct series *series) {
  table->taken_before += series_load(series->taken);
  series_lock(series);
  struct series_body *body = series_unbind(series);
  series_unlock(series);
  atomic_fetch_sub(&table->series_len, 1);
  atomic_fetch_sub(&table->watched_len, body == NULL ? 0 : 1);
  series_body_free(&table->store, body);
  series_places_give_back(&table->places, series, atomic_load(&table->now_ms));
}

static struct series *add_series(struct table *table,
                                 const struct sighting *sighting) {
  struct series_body *body = NULL;
  if (atomic_load(&table->series_len) >= table->limits.series_max ||
      bind_rules(table, sighting, &body) != 0) {
    return NULL;
  }
  struct series *series = use_place(table, body, sighting);
  if (series != NULL && series_index_add(&table->index, series) != 0) {
    table_give_back(table, series);
    return NULL;
  }
  return series;
}

/* Finds or adds. NULL: refused. */
static struct series *sight(struct table *table,
                            const struct sighting *sighting) {
  (void)pthread_mutex_lock(&table->lock);
  struct series *series = series_index_find(&table->index, sighting->id);
  if (series == NULL) {
    series = add_series(table, sighting);
  }
  (void)pthread_mutex_unlock(&table->lock);
  return series;
}

struct series *table_lock_series(struct table *table,
                                 const struct sighting *sighting,
                                 struct series *series) {
  for (;;) {
    if (series == NULL) {
      series = sight(table, sighting);
    }
    if (series == NULL) {
      atomic_fetch_add(&table->refused, 1);
      return NULL;
    }
    series_lock(series);
    if (series_is(series, sighting->id)) {
      return series;
    }
    series_unlock(series); /* recycled since we found it */
    series = NULL;
  }
}

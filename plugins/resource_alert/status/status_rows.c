/* SPDX-License-Identifier: MIT */
/* status_rows: the threshold table as it stands, as JSON. */
#include "resource_alert/status/status_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/reading.h"
#include "resource_alert/event/announcement.h"
#include "resource_alert/journal.h"
#include "resource_alert/table/series.h"

/* One series of a row, copied out from under its lock. */
struct seen {
  enum alert_state state;
  double badness; /* how far beyond its limit; the larger the worse */
  double value;
  int64_t since_ms;
  bool is_flapping;
  char name[SERIES_NAME_BYTES];
};

struct seen_row {
  size_t len; /* of worst */
  struct seen worst[STATUS_SERIES_MAX];
};

/* ---- seeing ---- */

static double larger(double a, double b) {
  return isnan(a) || b > a ? b : a; /* NaN where both are */
}

/* How far VALUE lies beyond the row's limits, negative within; comparable
 * among the series of one row. NaN is the least. */
static double badness_of(const struct alert_rule *rule, double value) {
  double beyond = (double)NAN;
  beyond = larger(beyond, value - rule->warning_max);
  beyond = larger(beyond, value - rule->failure_max);
  beyond = larger(beyond, rule->warning_min - value);
  beyond = larger(beyond, rule->failure_min - value);
  if (isnan(beyond)) {
    return -HUGE_VAL;
  }
  return rule->is_inverted ? -beyond : beyond;
}

/* What comes first in front of people: MISSING stands between. */
static int rank_of(enum alert_state state) {
  switch (state) {
  case ALERT_UNKNOWN:
    return 0;
  case ALERT_OKAY:
    return 1;
  case ALERT_MISSING:
    return 2;
  case ALERT_WARNING:
    return 3;
  case ALERT_FAILURE:
    return 4;
  }
  return 0;
}

static bool is_worse(enum alert_state state, double badness,
                     const struct seen *other) {
  int rank = rank_of(state);
  int other_rank = rank_of(other->state);
  return rank > other_rank || (rank == other_rank && badness > other->badness);
}

/* Keeps the worst, sorted; the name is written only for those that stay. */
static void take_watch(struct seen_row *row, const struct watch *watch,
                       const struct series_body *body) {
  enum alert_state state = (enum alert_state)watch->alert.state;
  double badness = badness_of(&watch->row->rule, watch->alert.value);
  size_t place = row->len;
  while (place > 0 && is_worse(state, badness, &row->worst[place - 1])) {
    place--;
  }
  if (place == STATUS_SERIES_MAX) {
    return;
  }
  size_t last = row->len < STATUS_SERIES_MAX ? row->len : row->len - 1;
  memmove(&row->worst[place + 1], &row->worst[place],
          (last - place) * sizeof(row->worst[0]));
  row->len = last + 1;
  struct seen *seen = &row->worst[place];
  *seen = (struct seen){
      .state = state,
      .badness = badness,
      .value = watch->alert.value,
      .since_ms = watch->alert.since_wall_ms,
      .is_flapping = watch->alert.is_flapping,
  };
  series_format_name(body, watch->source, seen->name, sizeof(seen->name));
}

/* Under the series' lock. */
static void see(struct seen_row *seen, const struct series *series) {
  const struct series_body *body = series->body;
  for (size_t i = 0; i < body->watches_len; i++) {
    const struct watch *watch = &body->watches[i];
    take_watch(&seen[watch->row->index], watch, body);
  }
}

/* ---- telling ---- */

static json_t *number_or_null(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *since_or_null(const struct seen *seen) {
  return seen->since_ms > 0 ? json_real((double)seen->since_ms / 1000)
                            : json_null();
}

static json_t *series_to_json(const struct seen *seen) {
  bool has_value = seen->state != ALERT_UNKNOWN;
  return json_pack("{so ss so so sb}", "name", journal_text(seen->name),
                   "state", alert_state_name(seen->state), "value",
                   has_value ? number_or_null(seen->value) : json_null(),
                   "since", since_or_null(seen), "flapping",
                   (int)seen->is_flapping);
}

static json_t *limits_to_json(const struct alert_rule *rule) {
  const struct {
    const char *name;
    double limit;
  } limits[] = {
      {"warning_min", rule->warning_min},
      {"warning_max", rule->warning_max},
      {"failure_min", rule->failure_min},
      {"failure_max", rule->failure_max},
  };
  json_t *object = json_object();
  for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
    if (isfinite(limits[i].limit)) {
      (void)json_object_set_new(object, limits[i].name,
                                json_real(limits[i].limit));
    }
  }
  return object;
}

static json_t *counts_to_json(const struct row *row, size_t *ret_sum) {
  json_t *object = json_object();
  *ret_sum = 0;
  for (int state = 0; state < ALERT_STATES; state++) {
    uint32_t count = atomic_load(&row->counts[state]);
    *ret_sum += count;
    if (count > 0) {
      (void)json_object_set_new(object,
                                alert_state_name((enum alert_state)state),
                                json_integer((json_int_t)count));
    }
  }
  return object;
}

/* Since when the row is in its state: what first went there. */
static json_t *row_since(const struct seen_row *seen) {
  int64_t since_ms = 0;
  for (size_t i = 0; i < seen->len; i++) {
    bool is_of_state = seen->worst[i].state == seen->worst[0].state;
    if (is_of_state && seen->worst[i].since_ms > 0 &&
        (since_ms == 0 || seen->worst[i].since_ms < since_ms)) {
      since_ms = seen->worst[i].since_ms;
    }
  }
  return since_ms > 0 ? json_real((double)since_ms / 1000) : json_null();
}

static json_t *row_to_json(const struct row *row, const struct seen_row *seen) {
  json_t *series = json_array();
  for (size_t i = 0; i < seen->len; i++) {
    (void)json_array_append_new(series, series_to_json(&seen->worst[i]));
  }
  size_t sum = 0;
  json_t *counts = counts_to_json(row, &sum);
  bool has_value = seen->len > 0 && seen->worst[0].state != ALERT_UNKNOWN;
  return json_pack(
      "{so ss so so ss? so sb sI so so}", "name", journal_text(row->name),
      "state",
      alert_state_name(seen->len > 0 ? seen->worst[0].state : ALERT_UNKNOWN),
      "since", row_since(seen), "value",
      has_value ? number_or_null(seen->worst[0].value) : json_null(), "unit",
      row->unit, "limits",
      row->notification == NULL ? limits_to_json(&row->rule) : json_object(),
      "inverted", (int)row->rule.is_inverted, "series_count", (json_int_t)sum,
      "counts", counts, "series", series);
}

json_t *status_rows(const struct rows *rows, struct table *table) {
  struct seen_row *seen = calloc(rows->len + 1, sizeof(*seen));
  if (seen == NULL) {
    return NULL;
  }
  struct series *series;
  for (size_t cursor = 0; (series = table_lock_next(table, &cursor)) != NULL;) {
    see(seen, series);
    series_unlock(series);
  }
  json_t *all = json_array();
  for (size_t i = 0; i < rows->len; i++) {
    (void)json_array_append_new(all, row_to_json(&rows->items[i], &seen[i]));
  }
  free(seen);
  return all;
}

double status_row_value(struct table *table, size_t row) {
  struct seen_row seen = {.len = 0};
  struct series *series;
  for (size_t cursor = 0; (series = table_lock_next(table, &cursor)) != NULL;) {
    const struct series_body *body = series->body;
    for (size_t i = 0; i < body->watches_len; i++) {
      if (body->watches[i].row->index == row) {
        take_watch(&seen, &body->watches[i], body);
      }
    }
    series_unlock(series);
  }
  return seen.len > 0 ? seen.worst[0].value : (double)NAN;
}

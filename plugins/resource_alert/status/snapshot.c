/* SPDX-License-Identifier: MIT */
/* snapshot: a copy of the rules' states, and their values over the last hour.
 *
 * There may be 100,000 series and only the worst 20 of a rule are of interest,
 * so the copy is small and its names are formatted last. */
#include "resource_alert/status/snapshot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "resource_alert/alerts/series.h"

/* ---- the states ---- */

/* States first; between two of one state the distance from the limit. */
static bool is_worse(enum alert_state state, double badness,
                     const struct snapshot_series *other) {
  int rank = alert_state_rank(state);
  int other_rank = alert_state_rank(other->state);
  return rank > other_rank || (rank == other_rank && badness > other->badness);
}

/* Inserts the series of ALERT into the list of the worst, if it is one of them.
 * The name is formatted only then: most series are not. */
static void insert_worst_series(struct snapshot_rule *rule,
                                const struct series_alert *alert,
                                const struct series *series) {
  enum alert_state state = (enum alert_state)alert->alert.state;
  double badness =
      alert_compute_badness(&alert->rule->limits, alert->alert.value);
  size_t place = rule->series_len;
  while (place > 0 && is_worse(state, badness, &rule->series[place - 1])) {
    place--;
  }
  if (place == SNAPSHOT_SERIES_MAX) {
    return;
  }
  size_t last = rule->series_len < SNAPSHOT_SERIES_MAX ? rule->series_len
                                                       : rule->series_len - 1;
  memmove(&rule->series[place + 1], &rule->series[place],
          (last - place) * sizeof(rule->series[0]));
  rule->series_len = last + 1;
  struct snapshot_series *added = &rule->series[place];
  *added = (struct snapshot_series){
      .state = state,
      .badness = badness,
      .value = state == ALERT_UNKNOWN ? (double)NAN : alert->alert.value,
      .since_ms = alert->alert.since_wall_ms,
      .next_ms = -1,
  };
  int64_t left_ms = 0;
  if (alert_find_next(&alert->alert, &alert->rule->limits, &added->next,
                      &left_ms)) {
    left_ms -= clock_monotonic_ms() - series->seen_ms;
    added->next_ms = left_ms < 0 ? 0 : left_ms;
  }
  series_format_name(series, alert->source, added->name, sizeof(added->name));
}

/* When the first of the worst series came to the state of the worst. */
static int64_t find_first_since(const struct snapshot_rule *rule) {
  int64_t since_ms = 0;
  for (size_t i = 0; i < rule->series_len; i++) {
    const struct snapshot_series *series = &rule->series[i];
    if (series->state == rule->state && series->since_ms > 0 &&
        (since_ms == 0 || series->since_ms < since_ms)) {
      since_ms = series->since_ms;
    }
  }
  return since_ms;
}

/* One series is locked at a time: the threads that deliver metrics need these
 * locks. */
static void copy_all_series(struct snapshot *snapshot,
                            struct series_table *table) {
  struct series *series;
  struct series_cursor cursor = {0};
  while ((series = series_table_lock_next(table, &cursor)) != NULL) {
    for (size_t i = 0; i < series->alerts_len; i++) {
      const struct series_alert *alert = &series->alerts[i];
      insert_worst_series(&snapshot->rules[alert->rule->index], alert, series);
    }
    series_unlock(series);
  }
}

struct snapshot *snapshot_take(const struct rules *rules,
                               struct series_table *table) {
  struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
  size_t len = rules == NULL ? 0 : rules->len;
  struct snapshot_rule *copies = calloc(len + 1, sizeof(*copies));
  if (snapshot == NULL || copies == NULL) {
    free(snapshot);
    free(copies);
    return NULL;
  }
  *snapshot = (struct snapshot){
      .worst = ALERT_UNKNOWN, .rules = copies, .rules_len = len};
  if (len > 0) {
    copy_all_series(snapshot, table);
  }
  for (size_t i = 0; i < len; i++) {
    struct snapshot_rule *copy = &copies[i];
    bool has_series = copy->series_len > 0;
    copy->rule = &rules->items[i];
    copy->state = has_series ? copy->series[0].state : ALERT_UNKNOWN;
    copy->value = has_series ? copy->series[0].value : (double)NAN;
    copy->since_ms = find_first_since(copy);
    snapshot->worst = alert_state_pick_worse(snapshot->worst, copy->state);
  }
  return snapshot;
}

void snapshot_free(struct snapshot *snapshot) {
  if (snapshot != NULL) {
    free(snapshot->rules);
    free(snapshot);
  }
}

/* ---- the history ---- */

int snapshot_history_add(struct snapshot_history *history,
                         const struct snapshot *snapshot) {
  if (history->points == NULL) {
    history->points = calloc(snapshot->rules_len * SNAPSHOT_HISTORY_POINTS + 1,
                             sizeof(*history->points));
    if (history->points == NULL) {
      return -ENOMEM;
    }
    history->rules_len = snapshot->rules_len;
  }
  for (size_t i = 0; i < history->rules_len; i++) {
    history->points[i * SNAPSHOT_HISTORY_POINTS + history->next] =
        (float)snapshot->rules[i].value;
  }
  history->next = (history->next + 1) % SNAPSHOT_HISTORY_POINTS;
  if (history->len < SNAPSHOT_HISTORY_POINTS) {
    history->len++;
  }
  return 0;
}

double snapshot_history_get(const struct snapshot_history *history, size_t rule,
                            size_t index) {
  size_t first = history->next + SNAPSHOT_HISTORY_POINTS - history->len;
  size_t place = (first + index) % SNAPSHOT_HISTORY_POINTS;
  return (double)history->points[rule * SNAPSHOT_HISTORY_POINTS + place];
}

void snapshot_history_fini(struct snapshot_history *history) {
  free(history->points);
  *history = (struct snapshot_history){0};
}

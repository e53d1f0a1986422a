/* SPDX-License-Identifier: MIT */
/* memory: the table's states into the state file and out of it again. */
#include "resource_alert/event/memory.h"

#include <string.h>

struct recall {
  struct table *table;
  memory_find_type *find_type;
  int64_t now_ms;
  int64_t wall_ms;
  const struct memory_sink *untold;
  struct untold_marks *marks;
};

/* A wall time as the monotonic clock would have shown it; never ahead. */
static int64_t to_monotonic(const struct recall *recall, int64_t wall_ms) {
  int64_t ago_ms = recall->wall_ms - wall_ms;
  return recall->now_ms - (ago_ms > 0 ? ago_ms : 0);
}

static struct series *lock_stored(const struct recall *recall,
                                  const struct stored_alert *stored) {
  struct series *series =
      table_lock_heard(recall->table, stored->rule, stored->names);
  struct reading reading = {
      .names = stored->names,
      .interval_ns = stored->interval_ms * 1000000,
  };
  bool is_value =
      series == NULL && recall->find_type(stored->names->type, &reading.type,
                                          &reading.values_len) == 0;
  return is_value ? table_lock_restored(recall->table, &reading) : series;
}

static bool is_untold(const struct recall *recall,
                      const struct stored_change *change) {
  return change != NULL && (change->number > recall->marks->notified ||
                            change->number > recall->marks->journaled);
}

static void take_up(void *context, const struct stored_alert *stored) {
  const struct recall *recall = context;
  struct series *series = lock_stored(recall, stored);
  if (series == NULL) {
    return;
  }
  struct alert alert = {0};
  alert_restore(&alert, stored->state, stored->is_told, stored->since_wall_ms);
  const struct watch *watch =
      series_restore(series, stored->rule, stored->source, &alert,
                     to_monotonic(recall, stored->told_wall_ms));
  struct announcement announcement;
  bool is_wanted = watch != NULL && is_untold(recall, stored->change);
  if (is_wanted) {
    announcement_recall(watch, stored, &announcement);
  }
  series_unlock(series);
  if (is_wanted) {
    recall->untold->put(recall->untold->context, &announcement);
  }
}

void memory_recall(struct state_file *file, struct table *table,
                   memory_find_type *find_type, int64_t now_ms, int64_t wall_ms,
                   const struct memory_sink *untold,
                   struct untold_marks *ret_marks) {
  struct recall recall = {.table = table,
                          .find_type = find_type,
                          .now_ms = now_ms,
                          .wall_ms = wall_ms,
                          .untold = untold,
                          .marks = ret_marks};
  state_file_load(file, take_up, &recall, ret_marks);
}

void memory_keep(struct state_file *file,
                 const struct announcement *announcement, int64_t now_ms,
                 int64_t wall_ms) {
  const struct stored_change change = {
      .number = announcement->number,
      .from = announcement->from,
      .cause = announcement->cause,
      .value = announcement->value,
      .limit = announcement->limit,
      .is_limit_max = announcement->is_limit_max,
      .is_loud = announcement->is_loud,
      .folded = announcement->folded,
      .held_ms = announcement->held_ms,
  };
  const struct stored_alert alert = {
      .rule = announcement->rule->name,
      .names = &announcement->names,
      .source = announcement->source,
      .state = announcement->to,
      .is_told = announcement->is_told,
      .since_wall_ms = announcement->since_wall_ms,
      .told_wall_ms = wall_ms,
      .interval_ms = announcement->interval_ms,
      .change = &change,
  };
  state_file_append(file, &alert, now_ms);
}

static void add_series(struct state_file *file, const struct series *series,
                       int64_t now_ms, int64_t wall_ms) {
  const struct series_body *body = series->body;
  struct reading_names names;
  series_copy_names(body, &names);
  for (size_t i = 0; i < body->watches_len; i++) {
    const struct watch *watch = &body->watches[i];
    /* What was not announced yet is kept as it was: it is told after. */
    bool is_kept = watch->announced != ALERT_UNKNOWN;
    const struct stored_alert alert = {
        .rule = watch->rule->name,
        .names = &names,
        .source = series_source_name(body, watch->source),
        .state = (enum alert_state)watch->announced,
        .is_told = watch->was_told,
        .since_wall_ms = watch->alert.since_wall_ms,
        .told_wall_ms = wall_ms - (now_ms - watch->told_ms),
        .interval_ms = atomic_load(&series->interval_ms),
    };
    if (is_kept && alert.since_wall_ms >= 0 && alert.told_wall_ms >= 0) {
      state_file_add(file, &alert);
    }
  }
}

void memory_rewrite(struct state_file *file, struct table *table,
                    int64_t now_ms, int64_t wall_ms) {
  struct series *series;
  state_file_begin(file);
  for (size_t cursor = 0; (series = table_lock_next(table, &cursor)) != NULL;) {
    add_series(file, series, now_ms, wall_ms);
    series_unlock(series);
  }
  state_file_end(file, now_ms);
}
